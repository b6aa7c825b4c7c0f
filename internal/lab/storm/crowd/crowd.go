//go:build linux

// Package crowd runs thousands of real clients in a few processes of node, and
// follows who of them is subscribed.
package crowd

import (
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
	closes  map[int]int
	curve   []change
}

// client is one of them. What is below member is counted since the event.
type client struct {
	library string
	node    string // that greeted it last
	open    bool   // its socket has had its 101
	in      bool   // it is subscribed
	failed  bool   // it will never try again

	member bool // it was subscribed at the event
	hit    bool
	left   time.Time     // since when it is not subscribed
	away   time.Duration // for how long it was not, before that
	back   time.Duration // when it was subscribed again, from the event on
}

// change says that from then on, so many clients were subscribed.
type change struct {
	after time.Duration // from the event on
	in    int
}

func newCrowd(libraries []string) *Crowd {
	c := &Crowd{clients: make([]client, len(libraries)), closes: map[int]int{}, last: time.Now()}
	for i, library := range libraries {
		c.clients[i].library = library
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
	c.at, c.last, c.refused, c.closes, c.curve = at, at, 0, map[int]int{}, nil
	c.in = 0
	for i := range c.clients {
		client := &c.clients[i]
		client.member, client.hit, client.away, client.back = client.in, false, 0, 0
		if client.in {
			c.in++
		}
	}
	members = c.in
	for i := range c.clients {
		if client := &c.clients[i]; client.member && client.node == node {
			c.leave(client, at)
		}
	}
	return members
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
	case "subscribed":
		c.enter(client, at)
	case "closed":
		c.close(client, l.Code, at)
	case "state":
		client.failed = l.State == "failed"
	}
}

func (c *Crowd) close(client *client, code int, at time.Time) {
	if client.open {
		c.closes[code]++
	} else {
		c.refused++
	}
	client.open = false
	c.leave(client, at)
}

// enter is for a client that has subscribed.
func (c *Crowd) enter(client *client, at time.Time) {
	if client.in {
		return
	}
	client.in = true
	if client.member {
		client.away += at.Sub(client.left)
		client.back = at.Sub(c.at)
	}
	c.count(client, +1, at)
}

// leave is for a client that has lost its subscription.
func (c *Crowd) leave(client *client, at time.Time) {
	if !client.in {
		return
	}
	client.in, client.hit, client.left = false, true, at
	c.count(client, -1, at)
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
