package proxy

import (
	"net/netip"
	"sync"
	"time"

	"fermata/internal/recent"
)

// crowd counts by address: clients, and the upgrades of the last second. The zero
// value is ready. Its methods may be called concurrently.
type crowd struct {
	mu      sync.Mutex
	clients map[netip.Prefix]int // those that have some; nil: nobody was counted so far
	asked   recent.Map[netip.Prefix, time.Time]
}

// mostAsking is of how many addresses the upgrades are counted. With more in a
// second, those that came first can ask for more than they may.
const mostAsking = 50_000

// enter counts one more client, unless there are so many.
func (c *crowd) enter(from netip.Prefix, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients == nil {
		c.clients = make(map[netip.Prefix]int)
	}
	if c.clients[from] >= most {
		return false
	}
	c.clients[from]++
	return true
}

// leave undoes enter.
func (c *crowd) leave(from netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients[from]--; c.clients[from] == 0 {
		delete(c.clients, from)
	}
}

// mayAsk counts an upgrade, unless there were so many in the last second. What is
// kept is when all that were counted have been paid for, at so many a second.
func (c *crowd) mayAsk(from netip.Prefix, perSecond int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked.Every, c.asked.Most = time.Second, mostAsking
	paid := c.asked.Get(from, now)
	if paid.Before(now) {
		paid = now
	}
	paid = paid.Add(time.Second / time.Duration(perSecond))
	if paid.After(now.Add(time.Second)) {
		return false
	}
	c.asked.Set(from, paid, now)
	return true
}
