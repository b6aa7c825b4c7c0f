package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"fermata/proxy/moves"
	"fermata/proxy/session"
)

// sessionMove is one move of a session, from its beginning on. It is the relay's
// Mover.
type sessionMove struct {
	of      *sessionClient
	channel string           // of the marker
	leaving *session.Leaving // nil: it could not begin
	givenUp atomic.Bool
	silence *silence // nil: not yet

	// What the relay's goroutine tells, once each.
	begun, answered, marked chan struct{}
	failed                  chan error
}

func newSessionMove(s *sessionClient) *sessionMove {
	return &sessionMove{
		of: s, channel: session.NewChannel(),
		begun: make(chan struct{}), answered: make(chan struct{}), marked: make(chan struct{}), failed: make(chan error, 1),
	}
}

// Begin implements relay.Mover.
func (m *sessionMove) Begin() [][]byte {
	defer close(m.begun)
	if err := m.of.session.Movable(); err != nil {
		m.fail(failed(moves.NotTracked, err))
		return nil
	}
	m.leaving = m.of.session.Leave(m.channel)
	return m.leaving.Messages()
}

// FromNode implements relay.Mover.
func (m *sessionMove) FromNode(text []byte) (pass, last bool) {
	if m.leaving == nil {
		return true, true
	}
	if m.givenUp.Load() {
		m.leaving.GivenUp()
		return m.leaving.FromNode(text), m.leaving.Over()
	}
	pass = m.leaving.FromNode(text)
	if err := m.leaving.Err(); err != nil {
		m.fail(failed(moves.Refused, fmt.Errorf("the old node: %w", err)))
		return pass, false
	}
	if m.leaving.Answered() {
		tell(m.answered)
	}
	if last = m.leaving.Marked(); last {
		tell(m.marked)
	}
	return pass, last
}

// Aborted implements relay.Mover.
func (m *sessionMove) Aborted(err error) { m.fail(unmoved(err)) }

// fail says why the move cannot succeed. The first reason counts.
func (m *sessionMove) fail(err error) {
	select {
	case m.failed <- err:
	default:
	}
}

// giveUp has the relay go on with the old node.
func (m *sessionMove) giveUp() {
	m.givenUp.Store(true)
	undo := session.GiveUp(m.channel)
	select {
	case <-m.begun:
		if m.leaving == nil {
			undo = nil // nothing was asked
		}
	default: // the relay drops it, unless the move begins just now
	}
	m.of.Resume(undo)
}

// over lets requests go on that name the client.
func (m *sessionMove) over() {
	if m.silence != nil {
		m.silence.end()
	}
}

// tell closes a channel that only the caller closes, once.
func tell(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// await waits for what the relay's goroutine tells.
func (m *sessionMove) await(ctx context.Context, what chan struct{}, missing string) error {
	select {
	case <-what:
		return nil
	case err := <-m.failed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the old node: %s: %w", missing, context.Cause(ctx))
	}
}

// cut has the old node's output end at the marker, and the new one's begin there.
func (m *sessionMove) cut(ctx context.Context, p *visit) (*session.Arriving, error) {
	if err := m.await(ctx, m.begun, "the client has not come to the end of a message"); err != nil {
		return nil, err
	}
	if m.leaving == nil {
		return nil, <-m.failed
	}
	m.silence = m.of.silence()
	arriving := m.leaving.Arrive(p.id)
	if err := p.subscribe(arriving); err != nil {
		return nil, err
	}
	if err := m.await(ctx, m.answered, "it has not answered a subscription"); err != nil {
		return nil, err
	}
	spanOf(ctx).AddEvent("subscribed at both nodes")
	return arriving, m.mark(ctx, p, arriving)
}

// mark publishes the marker, after all events in the name of the client, and waits
// until it has come from both nodes.
func (m *sessionMove) mark(ctx context.Context, p *visit, arriving *session.Arriving) error {
	h, from := m.of.handler, m.of.pick.Node
	if err := m.silence.wait(ctx, h.options.Load().Session.Timeout, m.failed); err != nil {
		return err
	}
	if err := h.markers.publish(ctx, lane{from, m.of.session.App()}, m.channel, h.postMarkers); err != nil {
		return failed(moves.Publish, err)
	}
	if err := m.await(ctx, m.marked, "it has not sent the marker"); err != nil {
		return err
	}
	err := p.listen(arriving, arriving.Marked)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return failed(moves.NoSharedBus, errNoBus)
	}
	return err
}
