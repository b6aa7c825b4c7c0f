package proxy

import (
	"errors"
	"fmt"
	"math"
	"os"
	"unique"

	"fermata/balancer"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// Arriving is a client that another process has detached, and that nobody relays yet.
// It counts here. One of Start and Drop must be called, once.
type Arriving struct{ detached }

// Start has the client be this process's.
func (a *Arriving) Start() {
	a.goOn(false)
	a.h.metrics.HandedIn()
}

// Drop is that the other process keeps the client, which counts nowhere any more here.
func (a *Arriving) Drop() { a.gone() }

// Receive makes a client of Leaving.State and of copies of its descriptors, which
// belong to the Handler from then on, also with an error. The client has the options
// of now, and its session, if that's app is known as it was. The error is for a state
// that cannot be a client's, a node that is not in the pool, or a stop.
func (h *Handler) Receive(client, node int, state []byte) (*Arriving, error) {
	was, err := unpack(state)
	if err == nil && h.stopping.Err() != nil {
		err = errStopping
	}
	var of portable
	if err == nil {
		of, err = h.arrive(was)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("receive a client: %w", err), closeFile(client), closeFile(node))
	}
	d, err := h.engine.Attach(client, node, was.Relay, of.pair())
	if err != nil {
		of.forgotten()
		return nil, fmt.Errorf("receive a client: %w", err)
	}
	of.relayedBy(d.Relay())
	return &Arriving{detached{h, of, d}}, nil
}

func closeFile(fd int) error { return os.NewFile(uintptr(fd), "").Close() }

// arrive makes the client, and counts it. It has the turn, if it has a session.
func (h *Handler) arrive(was *clientState) (portable, error) {
	pick, err := h.pool.Adopt(was.Node, was.URL, was.Preferred)
	if err != nil {
		return nil, err
	}
	pick.Reason, pick.Pinned = balancer.Reason(was.Pick), was.Pinned
	s, err := h.arriveSession(was.Session)
	if err != nil {
		pick.Release()
		return nil, err
	}
	if s == nil {
		c := new(client)
		c.arrive(h, was, pick)
		return c, nil
	}
	s.turn.Lock()
	s.client.arrive(h, was, pick)
	s.enterSession()
	return s, nil
}

// arriveSession is nil for a client without a session, or of an app that is not known
// as it was.
func (h *Handler) arriveSession(was *sessionState) (*sessionClient, error) {
	if was == nil {
		return nil, nil
	}
	o := h.options.Load()
	app := was.Of(o.Apps)
	if app == nil {
		return nil, nil
	}
	restored, err := session.Restore(app, was.State, h.sessionOptions(app, o))
	if err != nil {
		return nil, err
	}
	return &sessionClient{
		session: *restored, target: unique.Make(string(was.Target)), origin: unique.Make(string(was.Origin)),
		moved: was.Moved, hasty: was.Hasty, at: was.At,
	}, nil
}

// arrive makes c the client, and counts it.
func (c *client) arrive(h *Handler, was *clientState, pick balancer.Pick) {
	was.fill(c, h.options.Load())
	c.handler = h
	c.count(pick, was.App)
	h.admitted.Add(1)
}

// count counts the client everywhere, as one that is relayed.
func (c *client) count(pick balancer.Pick, app string) {
	h := c.handler
	c.settle(pick)
	c.live.Node = pick.Node
	h.hijacked.Add(1)
	h.open.Entered()
	h.clients.Add(1)
	c.tally, c.app = h.tallies.enter(pick.Node.Name(), app)
	c.stay.enter(asHijacked | asOpen | asClient | inTally | inMoves)
	if c.options.Limits.ClientsPerIP > 0 && !c.options.exempts(c.ip) && h.crowd.enter(c.network(), math.MaxInt) {
		c.stay.enter(inCrowd)
	}
}

func (c *client) pair() relay.Pair {
	return relay.Pair{Options: relayOptions(c.options), Counts: &c.tally.traffic, Owner: c}
}

func (c *client) relayedBy(r relay.Relay) { c.live.Relay = r }

func (s *sessionClient) pair() relay.Pair {
	p := s.client.pair()
	p.Owner = s
	return p
}

func (s *sessionClient) relayedBy(r relay.Relay) { s.Relay, s.live.Relay = r, s }
