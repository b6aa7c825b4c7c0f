//go:build linux

package crowd

import (
	"time"

	"fermata/internal/lab/realclient"
)

// client is one of the crowd. What is below member is counted since the event.
type client struct {
	library string
	secure  bool   // it speaks TLS
	node    string // that greeted it last, or answered its subscription
	open    bool   // its socket has had its 101
	got     int    // answered subscriptions on its connection, or since its node was lost
	in      bool   // it is subscribed to all its channels
	failed  bool   // it will never try again

	member bool // it was subscribed at the event
	hit    bool
	closed bool          // its socket has ended
	left   time.Time     // since when it is not subscribed
	away   time.Duration // for how long it was not, before that
	back   time.Duration // when it was subscribed again, from the event on

	sequences []realclient.Sequence // what it has reported
}

// strike has the client counted from now on.
func (c *client) strike() {
	c.member, c.hit, c.closed, c.away, c.back = c.in, false, false, 0, 0
}

// leave is for a client that has lost its subscriptions; false: it had not all.
func (c *client) leave(at time.Time) bool {
	was := c.in
	c.got, c.in = 0, false
	if was {
		c.hit, c.left = true, at
	}
	return was
}

// subscribed is for an answered subscription; true: now it has all. A client that
// has them is answered again when its balancer has moved it without our knowledge.
func (c *client) subscribed(channels int, at, struck time.Time) bool {
	c.got++
	switch {
	case c.got < channels:
		return false
	case c.in:
		c.hit = true
	case c.member:
		c.away += at.Sub(c.left)
	}
	c.back = at.Sub(struck)
	was := c.in
	c.in = true
	return !was
}
