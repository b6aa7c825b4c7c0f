package moves

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// Session is the Relay of a client that can be moved without being closed.
type Session interface {
	relay.Relay
	// Transfer moves the client from that node to another one, unless it has
	// left it or is leaving it already, and waits for that. Lost is whether the node is, so that
	// nobody can ask it for anything. With an error, a *NotMoved, the client is
	// where it was, or has ended. When ctx ends the transfer is given up.
	Transfer(ctx context.Context, from *balancer.Node, lost bool) error
}

// NotMoved is why a client was not moved but closed.
type NotMoved struct {
	Result string // one of NoSession and those beside it
	Err    error
}

func (e *NotMoved) Error() string { return e.Err.Error() }
func (e *NotMoved) Unwrap() error { return e.Err }

// mostTransfers is how many clients are moved at the same time. A move takes some
// milliseconds, so that these are more a second than nodes take.
const mostTransfers = 64

// transfers are the moves of sessions that are under way.
type transfers struct {
	slots   chan struct{} // has one for each
	running sync.WaitGroup
}

func newTransfers() transfers { return transfers{slots: make(chan struct{}, mostTransfers)} }

// enter waits for a slot, until ctx ends.
func (t *transfers) enter(ctx context.Context) bool {
	select {
	case t.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *transfers) leave() { <-t.slots }

// parting is how clients part from their node now.
type parting struct {
	Move
	from *balancer.Node
	told relay.Close
	last bool // whoever is left is closed
}

// part has a client part from its node, and it is in the registry no more: it is
// moved if it has a session, and else closed. One that was not moved when ctx ends
// stays.
func (m *Moves) part(ctx context.Context, c *Client, p parting) {
	s, ok := c.Relay.(Session)
	switch {
	case !ok:
		m.shut(c, p, NoSession)
	case p.Close:
		m.shut(c, p, Asked)
	case p.last:
		m.shut(c, p, Deadline)
	default:
		m.transfer(ctx, c, s, p)
	}
}

// shut closes a client.
func (m *Moves) shut(c *Client, p parting, why string) {
	m.live.tell(c)
	m.outcomes.closed(p.from, why)
	c.close(p.told)
}

func (m *Moves) transfer(ctx context.Context, c *Client, s Session, p parting) {
	turn, end := m.untilLast(ctx, p.Move)
	entered := m.transfers.enter(turn)
	end()
	if !entered {
		m.remain(ctx, c, p, Deadline)
		return
	}
	m.transfers.running.Go(func() {
		defer m.transfers.leave()
		within, end := m.untilLast(m.stopping, p.Move)
		defer end()
		if err := s.Transfer(trace.ContextWithSpanContext(within, p.Span), p.from, p.By == relay.ByNodeLost); err != nil {
			m.remain(ctx, c, p, resultOf(err))
		}
	})
}

// untilLast is ctx, and ends when whoever is left is closed.
func (m *Moves) untilLast(ctx context.Context, how Move) (context.Context, context.CancelFunc) {
	if how.Deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, how.Deadline.Add(-m.options.Load().Answer))
}

// remain is for a client that was not moved. If its move has been ended meanwhile
// it stays, and a stop closes it; and so does one that has gone, or whose node has,
// which is the relay's business. For a rebalance nobody is closed who has a session:
// it would come back to the node that knows it.
func (m *Moves) remain(ctx context.Context, c *Client, p parting, why string) {
	if ctx.Err() != nil || m.stopping.Err() != nil || why == Gone || p.By == relay.ByRebalance {
		m.Add(c)
		return
	}
	m.shut(c, p, why)
}

func resultOf(err error) string {
	var not *NotMoved
	if errors.As(err, &not) {
		return not.Result
	}
	return Failed
}

// Arrive is for a client that has another node now: it can be moved off that. It
// comes before the place at the old node is released, so that whoever finds that
// node empty finds the client counted.
func (m *Moves) Arrive(c *Client, at *balancer.Node) {
	if left, counts := m.live.rehome(c, at); counts {
		m.outcomes.moved(left)
	}
	m.Add(c)
}
