package proxy

import (
	"sync/atomic"

	"fermata/balancer"
)

// A count is one of those that a client is part of, for as long as it has come that
// far.
type count uint32

const (
	asClient   count = 1 << iota // Handler.clients
	asHijacked                   // Handler.hijacked
	asOpen                       // Handler.open: net/http does not tell of this connection's end
	atNode                       // the pool's of its pick
	inTally                      // its node's and its app's
	inMoves                      // the clients that can be moved, or is about to be one
	inCrowd                      // those of its address

	everywhere = asClient | asHijacked | asOpen | atNode | inTally | inMoves | inCrowd
)

// stay is where a client is counted: how far it has come. The zero value is one that
// is counted nowhere.
type stay struct{ counts atomic.Uint32 }

// enter notes that the client was counted there.
func (s *stay) enter(at count) { s.counts.Or(uint32(at)) }

// exit is which of these counts are to be undone now. No two calls get the same.
func (s *stay) exit(from count) count { return count(s.counts.And(^uint32(from))) & from }

// leave takes the client out of these counts, of all those in which it is. It may be
// called by whoever ends the client, more than once and concurrently. The pool comes
// late, since whoever waits for an empty node has all that is left of its clients
// counted by then, and whoever waits for the last of all clients comes last.
func (c *client) leave(from count) {
	h, left := c.handler, c.stay.exit(from)
	if left&inMoves != 0 {
		h.moves.Remove(&c.live)
	}
	if left&inTally != 0 {
		h.tallies.leave(c)
	}
	if left&asOpen != 0 {
		h.open.Left()
	}
	if left&inCrowd != 0 {
		h.crowd.leave(c.network())
	}
	if left&asClient != 0 {
		h.clients.Add(-1)
	}
	if left&atNode != 0 {
		c.pick.Release()
	}
	if left&asHijacked != 0 {
		h.hijacked.Done()
	}
}

// settle counts the client at the node that was picked.
func (c *client) settle(at balancer.Pick) {
	c.pick = at
	c.stay.enter(atNode)
}

// resettle counts a client that is relayed at another node, which it has now, and no
// longer at its own. It must not be called concurrently with Ended: it is for the
// relay's goroutine.
func (c *client) resettle(at balancer.Pick) {
	before := c.pick
	c.pick = at
	c.handler.tallies.move(c, at.Node.Name())
	c.handler.moves.Arrive(&c.live, at.Node)
	before.Release()
}
