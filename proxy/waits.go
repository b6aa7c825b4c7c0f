package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// errNodeDown is a node that went down while a client waited for its answer.
var errNodeDown = errors.New("the node went down before it answered")

// errNoAnswer is a node that has taken a request and answered nothing to it in
// time.
var errNoAnswer = errors.New("no answer")

// waits are all that wait for a node: for their turn there, or for its answer. The
// zero value is ready. Its methods may be called concurrently.
type waits struct {
	mu  sync.Mutex
	all map[*wait]struct{}
}

// wait is one of them.
type wait struct {
	node    *balancer.Node          // nil: any
	end     context.CancelCauseFunc // of its context
	upgrade bool                    // which a stop ends
}

func (w *waits) enter(one *wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[*wait]struct{})
	}
	w.all[one] = struct{}{}
}

func (w *waits) leave(one *wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, one)
}

// end ends those of which that is so.
func (w *waits) end(why error, of func(*wait) bool) {
	var ends []*wait
	w.mu.Lock()
	for one := range w.all {
		if of(one) {
			ends = append(ends, one)
		}
	}
	w.mu.Unlock()
	for _, one := range ends {
		one.end(why)
	}
}

// GiveUp ends all waits for a node that is down: upgrades try the next node, and
// plain requests are answered.
func (h *Handler) GiveUp(n *balancer.Node) {
	h.waits.end(errNodeDown, func(one *wait) bool { return one.node == n })
}

// waitFor begins a wait for the node, or for any: nil. Its context ends with why the
// wait is in vain, which is context.Canceled when the client has gone.
func (u *upgrade) waitFor(n *balancer.Node) (ctx context.Context, over func()) {
	ctx, end := context.WithCancelCause(u.r.Context())
	relay.Gone(ctx, func() { end(context.Canceled) })
	one := &wait{n, end, true}
	u.h.waits.enter(one)
	if u.h.stopping.Err() != nil { // and may have ended all waits before
		end(errStopping)
	}
	return ctx, func() {
		u.h.waits.leave(one)
		end(nil)
	}
}

// send sends a plain request to a node. One that waits for as long as an upgrade
// may is a reason to look at the node; most often the answer just takes long.
func (t *nodes) send(r *http.Request, n *balancer.Node) (*http.Response, error) {
	ctx, end := context.WithCancelCause(r.Context())
	one := &wait{node: n, end: end}
	t.h.waits.enter(one)
	defer t.h.waits.leave(one)
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
