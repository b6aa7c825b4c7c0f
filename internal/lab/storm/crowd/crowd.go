//go:build linux

// Package crowd runs thousands of real clients in a few processes of node, and
// follows who of them is subscribed.
package crowd

import (
	"cmp"
	"sync"
	"time"

	"fermata/internal/lab/realclient"
)

// Crowd is what is known about all clients. Its methods may be called
// concurrently.
type Crowd struct {
	mu      sync.Mutex
	clients []client
	at      time.Time // of the event; zero: there was none
	last    time.Time // when somebody went or came back
	in      int       // how many are subscribed
	refused int       // attempts without a 101, since the event
	greeted int       // and those with a greeting
	closes  map[end]int
	curve   []change

	reports  int            // that have come
	ask      []func() error // ask the clients of a process for a report
	channels int            // that each has
}

// end is what a socket has ended with.
type end struct {
	secure bool
	code   int
}

// change says that from then on, so many clients were subscribed.
type change struct {
	after time.Duration // from the event on
	in    int
}

func newCrowd(groups []group, channels int) *Crowd {
	c := &Crowd{channels: channels, closes: map[end]int{}, last: time.Now()}
	for _, g := range groups {
		for range g.clients {
			c.clients = append(c.clients, client{library: g.library, secure: g.secure})
		}
	}
	return c
}

// Strike is the event that clients are hit by: what is measured begins here,
// with those who are subscribed now. Clients of the node that is named are
// away from now on, though they do not know it yet; empty: none is. It returns
// how many clients there are to measure.
func (c *Crowd) Strike(node string, at time.Time) (members int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.last, c.refused, c.greeted, c.closes, c.curve = at, at, 0, 0, map[end]int{}, nil
	c.in = 0
	for i := range c.clients {
		client := &c.clients[i]
		client.strike()
		if client.in {
			c.in++
		}
	}
	members = c.in
	c.lose(node, at)
	return members
}

// Lose is the end of another node, after the event. Its clients are away from now
// on, though they do not know it yet, and may never.
func (c *Crowd) Lose(node string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose(node, at)
}

func (c *Crowd) lose(node string, at time.Time) {
	for i := range c.clients {
		if client := &c.clients[i]; client.member && client.node == node {
			c.leave(client, at)
		}
	}
}

// Subscribed is how many are, and since when that has not changed.
func (c *Crowd) Subscribed() (in int, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in, c.last
}

// Waiting is how many of those measured are away and have not given up, and
// since when nobody went or came back.
func (c *Crowd) Waiting() (waiting int, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.clients {
		if client := &c.clients[i]; client.member && !client.in && !client.failed {
			waiting++
		}
	}
	return waiting, c.last
}

// take notes what a client reports.
func (c *Crowd) take(number int, l realclient.Line, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	client := &c.clients[number]
	switch l.Type {
	case "open":
		client.open = true
	case "established":
		client.node = l.Node
		c.greeted++
	case "subscribed":
		client.node = cmp.Or(l.Node, client.node)
		if client.subscribed(c.channels, at, c.at) {
			c.count(client, +1, at)
		}
	case "closed":
		c.close(client, l.Code, at)
	case "state":
		client.failed = l.State == "failed"
	case "report":
		client.sequences = l.Sequences
		c.reports++
	}
}

func (c *Crowd) close(client *client, code int, at time.Time) {
	if client.open {
		c.closes[end{client.secure, code}]++
	} else {
		c.refused++
	}
	client.open, client.closed = false, true
	c.leave(client, at)
}

func (c *Crowd) leave(client *client, at time.Time) {
	if client.leave(at) {
		c.count(client, -1, at)
	}
}

// count counts everybody before the event, and then those who were there.
func (c *Crowd) count(client *client, by int, at time.Time) {
	if !c.at.IsZero() && !client.member {
		return
	}
	c.in += by
	c.last = at
	if !c.at.IsZero() {
		c.curve = append(c.curve, change{at.Sub(c.at), c.in})
	}
}
