package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"fermata/balancer"
)

// strangersPatience is how long a request that nobody has signed waits for a
// place at a node. A signed one waits for Timeouts.Handshake: Laravel does not
// publish an event twice.
const strangersPatience = time.Second

// place waits for a place at a node. The error is balancer.ErrNoUsableNode, or
// balancer.ErrBusy when the wait was in vain, or what has ended the request.
func (h *Handler) place(ctx context.Context, d balancer.Demand, o *Options) (balancer.Turn, error) {
	d.Most = o.Limits.RequestsPerNode
	turn, err := h.pool.Next(d)
	if !errors.Is(err, balancer.ErrBusy) {
		return turn, err
	}
	patience := strangersPatience
	if d.Signed {
		patience = o.Timeouts.Handshake
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	w := h.queue.join(d.Signed)
	defer h.queue.leave(w)
	for {
		turn, err := h.pool.Next(d)
		if !errors.Is(err, balancer.ErrBusy) {
			return turn, err
		}
		select {
		case <-w.woken:
		case <-timer.C:
			return turn, err
		case <-ctx.Done():
			return turn, context.Cause(ctx)
		}
	}
}

// isSigned is whether an app seems to have signed the request; only a node can
// tell.
func isSigned(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/apps/") && strings.Contains(r.URL.RawQuery, "auth_signature=")
}

// giveBack releases a place, and tells the queue.
func (h *Handler) giveBack(turn *balancer.Turn, a balancer.Answer) {
	turn.Release(a)
	h.queue.wake()
}

// shows is what an answer that took so long shows of its node's load. With a
// signed GET the node may have waited for the other nodes.
func shows(r *http.Request, err error, took time.Duration) balancer.Answer {
	switch {
	case errors.Is(err, context.Canceled), r.Method == http.MethodGet && isSigned(r):
		return balancer.AnswerNothing
	case took > promptly:
		return balancer.AnswerSlow
	case err != nil:
		return balancer.AnswerNothing
	}
	return balancer.AnswerPrompt
}

// placed is the body of an answer, whose node's connection is in use until it is
// closed.
type placed struct {
	io.ReadCloser
	giveBack func()
}

func (b placed) Close() error {
	defer b.giveBack()
	return b.ReadCloser.Close()
}
