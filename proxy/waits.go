package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"fermata/balancer"
)

// errNodeDown is a node that went down while a client waited for its answer.
var errNodeDown = errors.New("the node went down before it answered")

// errNoAnswer is a node that has taken a request and answered nothing to it in
// time.
var errNoAnswer = errors.New("no answer")

// waits are the clients that wait for an answer, by node. The zero value is
// ready. Its methods may be called concurrently.
type waits struct {
	mu    sync.Mutex
	nodes map[*balancer.Node]wait
}

// wait ends when its node goes down.
type wait struct {
	context.Context
	end context.CancelFunc
}

// on is what ends when the node goes down for the next time.
func (w *waits) on(n *balancer.Node) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	current, ok := w.nodes[n]
	if !ok {
		current.Context, current.end = context.WithCancel(context.Background())
		if w.nodes == nil {
			w.nodes = make(map[*balancer.Node]wait)
		}
		w.nodes[n] = current
	}
	return current
}

// end ends all waits for the node, or only forgets a node that has none.
func (w *waits) end(n *balancer.Node) {
	w.mu.Lock()
	current, ok := w.nodes[n]
	delete(w.nodes, n)
	w.mu.Unlock()
	if ok {
		current.end()
	}
}

// GiveUp ends all waits for the answer of a node that is down: upgrades try the
// next node, and plain requests are answered.
func (h *Handler) GiveUp(n *balancer.Node) { h.waits.end(n) }

// whileUp is ctx, and ends with errNodeDown if the node is given up before stop
// is called.
func (h *Handler) whileUp(ctx context.Context, n *balancer.Node) (_ context.Context, stop func() bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, context.AfterFunc(h.waits.on(n), func() { cancel(errNodeDown) })
}

// send sends a plain request to a node. One that waits for as long as an upgrade
// may is a reason to look at the node; most often the answer just takes long.
func (t *nodes) send(r *http.Request, n *balancer.Node) (*http.Response, error) {
	ctx, stop := t.h.whileUp(r.Context(), n)
	defer stop()
	slow := time.AfterFunc(t.h.options.Load().Timeouts.Answer, func() { t.h.tell(t.h.waiting, n) })
	defer slow.Stop()
	a := &attempt{node: n}
	response, err := t.base.RoundTrip(a.toNode(r.WithContext(ctx)))
	var dial *dialError
	switch {
	case err == nil, errors.As(err, &dial):
	case errors.Is(context.Cause(ctx), errNodeDown):
		return nil, a.wentDown()
	case errors.Is(err, context.DeadlineExceeded):
		t.h.tell(t.h.unanswered, n)
	}
	return response, err
}

// noteUnanswered tells of a node that has let an upgrade wait. One that waited as
// long as it may altogether has not waited as long as a node may take.
func (h *Handler) noteUnanswered(n *balancer.Node, err error) {
	switch {
	case errors.Is(err, errNoAnswer):
		h.tell(h.unanswered, n)
	case errors.Is(err, context.DeadlineExceeded):
		h.tell(h.waiting, n)
	}
}

func (h *Handler) tell(who func(node string), n *balancer.Node) {
	if who != nil {
		who(n.Name())
	}
}
