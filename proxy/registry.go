package proxy

import (
	"sync"

	"fermata/balancer"
)

// registry knows the clients that are being relayed and have not been asked
// to go. The zero value is ready. Its methods may be called concurrently.
type registry struct {
	mu      sync.Mutex
	clients map[*balancer.Node]map[*client]struct{}
}

// add enters a client, unless it has ended already.
func (r *registry) add(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.ended {
		return
	}
	n := c.pick.Node
	if r.clients == nil {
		r.clients = make(map[*balancer.Node]map[*client]struct{})
	}
	if r.clients[n] == nil {
		r.clients[n] = make(map[*client]struct{})
	}
	r.clients[n][c] = struct{}{}
}

// remove takes out a client that has ended.
func (r *registry) remove(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.ended = true
	r.forget(c)
}

// take takes out up to count of a node's clients.
func (r *registry) take(n *balancer.Node, count int) []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken []*client
	for c := range r.clients[n] {
		if len(taken) == count {
			break
		}
		taken = append(taken, c)
		r.forget(c)
	}
	return taken
}

func (r *registry) forget(c *client) {
	n := c.pick.Node
	delete(r.clients[n], c)
	if len(r.clients[n]) == 0 {
		delete(r.clients, n)
	}
}
