package moves

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/otel/trace"

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
	// Close closes clients with a session, too.
	Close bool
	// Share is which part of the rate is to be used now, from 0 to 1, where other
	// Fermatas move clients of the node, too. It is called often, and concurrently;
	// nil: all of it.
	Share func() float64
	// Span is what the moves of sessions are a part of; the zero value: nothing.
	Span trace.SpanContext
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
func (m *Moves) Move(n *balancer.Node, how Move, moved func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped != nil {
		return
	}
	m.start(n, how, moved)
}

func (m *Moves) start(n *balancer.Node, how Move, moved func()) {
	previous := m.running[n]
	ctx, cancel := context.WithCancel(context.Background())
	current := &move{cancel: cancel, done: make(chan struct{})}
	m.running[n] = current
	go func() {
		defer close(current.done)
		defer m.forget(n, current)
		previous.stop()
		current.begin(how, previous)
		if m.empty(ctx, n, how, &current.pace) && moved != nil {
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
func (m *Moves) forget(n *balancer.Node, ended *move) {
	ended.cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running[n] == ended {
		delete(m.running, n)
	}
}

// Stay ends a node's move, if there is one; clients that were not moved stay, unless
// Stop moves everybody.
func (m *Moves) Stay(n *balancer.Node) {
	m.mu.Lock()
	if m.stopped != nil {
		m.mu.Unlock()
		return
	}
	current := m.running[n]
	delete(m.running, n)
	m.mu.Unlock()
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
func (m *Moves) empty(ctx context.Context, n *balancer.Node, how Move, p *pace) bool {
	clock := time.NewTimer(shortNap)
	defer clock.Stop()
	for m.pool.Status(n).Connections > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-clock.C:
		}
		can, now := m.pool.CanMove(n), time.Now()
		if how.Share != nil {
			p.take(how.Share(), now)
		}
		m.close(ctx, n, m.share(how, p, can, now), how, can)
		clock.Reset(min(max(p.next.Sub(now), shortNap), longNap))
	}
	return true
}

// share is how many clients are to go now.
func (m *Moves) share(how Move, p *pace, can bool, now time.Time) int {
	switch {
	case m.final(how, now):
		return math.MaxInt
	case now.Before(how.Begin), !can && !how.Alone:
		p.hold(now.Add(longNap))
		return 0
	}
	return p.due(now)
}

// final is whether everybody must go now, so that all are gone by the
// deadline although some take their time to answer a Close frame.
func (m *Moves) final(how Move, now time.Time) bool {
	return !how.Deadline.IsZero() && now.After(how.Deadline.Add(-m.options.Load().Answer))
}

// close has some of a node's clients go. Those that are closed, and that no other
// node can take, are told to wait a second before they try, and so are those of a
// lost node that have only just come.
func (m *Moves) close(ctx context.Context, n *balancer.Node, count int, how Move, can bool) {
	code := how.Code
	if !can && pusher.ComesAtOnce(code) {
		code = pusher.CodeRetry
	}
	now := time.Now()
	within, last := m.within(how, now), !can || m.final(how, now)
	for _, c := range m.live.take(n, count) {
		told := relay.Close{Code: code, Reason: how.Reason, By: how.By, Within: within}
		if how.By == relay.ByNodeLost && c.IsYoung(now) {
			told.Code = pusher.CodeRetry
		}
		m.part(ctx, c, parting{how, n, told, last})
	}
}

// within is how long a client may still pass on what is under way: to the
// deadline, but that each has the time to answer.
func (m *Moves) within(how Move, now time.Time) time.Duration {
	if how.Deadline.IsZero() {
		return 0
	}
	return max(how.Deadline.Sub(now), m.options.Load().Answer)
}
