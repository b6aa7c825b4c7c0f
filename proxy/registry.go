package proxy

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"fermata/balancer"
)

// registry knows the clients that are being relayed and have not been asked
// to go. The zero value is ready. Its methods may be called concurrently.
type registry struct {
	mu      sync.Mutex
	clients map[*balancer.Node][]*client // in no order; each knows its place
}

// add enters a client, unless it has ended already.
func (r *registry) add(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.ended {
		return
	}
	if r.clients == nil {
		r.clients = make(map[*balancer.Node][]*client)
	}
	all := append(r.clients[c.pick.Node], c)
	r.clients[c.pick.Node], c.place = all, len(all)
	c.lot = uint16(rand.Uint32())
}

// remove takes out a client that has ended.
func (r *registry) remove(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.ended = true
	r.forget(c)
}

// take takes out up to count of a node's clients, by chance: those that came
// together do not go together.
func (r *registry) take(n *balancer.Node, count int) []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken []*client
	for len(taken) < count && len(r.clients[n]) > 0 {
		c := r.clients[n][rand.IntN(len(r.clients[n]))]
		taken = append(taken, c)
		r.forget(c)
	}
	return taken
}

// sample returns up to count of a node's clients, by chance, and leaves them
// in.
func (r *registry) sample(n *balancer.Node, count int) []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.clients[n])
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(count, len(all))]
}

// older returns the clients that have been connected for longer than age, and
// than the part of a tenth more that each has drawn: so those that came
// together do not become too old together. It leaves them in.
func (r *registry) older(age time.Duration, now time.Time) (old []*client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	spread := age / 10 >> 16
	for _, all := range r.clients {
		for _, c := range all {
			if now.Sub(c.started) > age+spread*time.Duration(c.lot) {
				old = append(old, c)
			}
		}
	}
	rand.Shuffle(len(old), func(i, j int) { old[i], old[j] = old[j], old[i] })
	return old
}

// claim takes out one client; false when it has ended or was taken before.
func (r *registry) claim(c *client) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forget(c)
}

// forget puts the last client into the place of the one that leaves.
func (r *registry) forget(c *client) (was bool) {
	if c.place == 0 {
		return false
	}
	all := r.clients[c.pick.Node]
	last := all[len(all)-1]
	all[c.place-1], last.place = last, c.place
	all[len(all)-1], c.place = nil, 0
	r.clients[c.pick.Node] = all[:len(all)-1]
	if len(all) == 1 {
		delete(r.clients, c.pick.Node)
	}
	return true
}
