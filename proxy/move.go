package proxy

import (
	"context"
	"math"
	"time"

	"fermata/balancer"
	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// Move says how the clients of a node are moved off it.
type Move struct {
	By       relay.By
	Code     int // of the Close frame
	Reason   string
	Begin    time.Time // nobody is moved before; zero: at once
	Rate     int       // clients per second, 0: all at once
	Deadline time.Time // when the last client is gone; zero: no deadline
	// Alone moves clients also while no other node can take them. Otherwise
	// that waits, until the deadline.
	Alone bool
}

// move is a Move under way.
type move struct {
	cancel context.CancelFunc
	done   chan struct{}
	pace   pace // of the goroutine, and readable once done is closed
}

// How long a move sleeps between two looks: no less, so that a high rate does
// not spin, and no more, so that it sees soon what has changed.
const (
	shortNap = 5 * time.Millisecond
	longNap  = 20 * time.Millisecond
)

// Move begins to move all clients off a node, those too that are still on
// their way to it. It replaces the node's move under way, if there is one, and
// returns at once. moved is called when the node is empty, not when the move
// is cancelled; nil: nobody wants to know.
func (h *Handler) Move(n *balancer.Node, m Move, moved func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped != nil {
		return
	}
	h.start(n, m, moved)
}

func (h *Handler) start(n *balancer.Node, m Move, moved func()) {
	previous := h.moves[n]
	ctx, cancel := context.WithCancel(context.Background())
	current := &move{cancel: cancel, done: make(chan struct{})}
	h.moves[n] = current
	go func() {
		defer close(current.done)
		defer h.forget(n, current)
		previous.stop()
		current.begin(m, previous)
		if h.empty(ctx, n, m, &current.pace) && moved != nil {
			moved()
		}
	}()
}

// begin sets the pace, going on from that of the node's move before.
func (m *move) begin(how Move, previous *move) {
	m.pace = newPace(how.Rate, time.Now())
	if previous != nil {
		m.pace.follow(previous.pace)
	}
}

// forget drops a move that has ended.
func (h *Handler) forget(n *balancer.Node, ended *move) {
	ended.cancel()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.moves[n] == ended {
		delete(h.moves, n)
	}
}

// Stay ends a node's move, if there is one; who has not been moved stays, unless
// Stop moves everybody.
func (h *Handler) Stay(n *balancer.Node) {
	h.mu.Lock()
	if h.stopped != nil {
		h.mu.Unlock()
		return
	}
	current := h.moves[n]
	delete(h.moves, n)
	h.mu.Unlock()
	current.stop()
}

// stop ends a move and waits for that. A nil move has ended.
func (m *move) stop() {
	if m == nil {
		return
	}
	m.cancel()
	<-m.done
}

// empty moves clients until none is left, and returns true then; false when
// ctx has ended before.
func (h *Handler) empty(ctx context.Context, n *balancer.Node, m Move, p *pace) bool {
	clock := time.NewTimer(shortNap)
	defer clock.Stop()
	for h.Pool.Status(n).Connections > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-clock.C:
		}
		can, now := h.Pool.CanMove(n), time.Now()
		h.close(n, h.share(m, p, can, now), m, can)
		clock.Reset(min(max(p.next.Sub(now), shortNap), longNap))
	}
	return true
}

// share is how many clients are to go now.
func (h *Handler) share(m Move, p *pace, can bool, now time.Time) int {
	switch {
	case h.final(m, now):
		return math.MaxInt
	case now.Before(m.Begin), !can && !m.Alone:
		p.hold(now.Add(longNap))
		return 0
	}
	return p.due(now)
}

// final is whether everybody must go now, so that all are gone by the
// deadline although some take their time to answer a Close frame.
func (h *Handler) final(m Move, now time.Time) bool {
	return !m.Deadline.IsZero() && now.After(m.Deadline.Add(-h.options.Load().Timeouts.Close))
}

// close sends a Close frame to some of a node's clients. Those that no other
// node can take are told to wait a second before they try.
func (h *Handler) close(n *balancer.Node, count int, m Move, can bool) {
	code := m.Code
	if !can && pusher.ComesAtOnce(code) {
		code = pusher.CodeRetry
	}
	within := h.within(m, time.Now())
	for _, c := range h.live.take(n, count) {
		c.conn.Close(relay.Close{Code: code, Reason: m.Reason, By: m.By, Within: within})
	}
}

// within is how long a client may still pass on what is under way: to the
// deadline, but that each has the time to answer.
func (h *Handler) within(m Move, now time.Time) time.Duration {
	if m.Deadline.IsZero() {
		return 0
	}
	return max(m.Deadline.Sub(now), h.options.Load().Timeouts.Close)
}
