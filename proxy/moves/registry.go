package moves

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
	clients map[*balancer.Node][]*Client // in no order; each knows its place
	bound   int                          // how many of them are
	told    map[*balancer.Node]int       // how many were told to go, and are there still
}

// The place of a client that will never be in the registry again.
const (
	hasEnded  = -1
	isLeaving = -2 // it was told to go, and has not ended yet
)

// add enters a client, unless it has ended already or is in it.
func (r *registry) add(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.place != 0 {
		return
	}
	if r.clients == nil {
		r.clients = make(map[*balancer.Node][]*Client)
	}
	all := append(r.clients[c.Node], c)
	r.clients[c.Node], c.place = all, int32(len(all))
	if c.bound {
		r.bound++
	}
	c.aside = false
	c.extra = uint16(rand.Uint32())
}

// at is the node of a client, which may be about to change.
func (r *registry) at(c *Client) *balancer.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.Node
}

// setAside is for a client that was taken out, from a node that keeps the others.
func (r *registry) setAside(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.aside = true
}

// rehome changes the node of a client, takes it out if it is still in, and returns
// the node that it had; counts is whether that was to lose it.
func (r *registry) rehome(c *Client, at *balancer.Node) (left *balancer.Node, counts bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(c)
	left, c.Node, c.bound = c.Node, at, false
	return left, !c.aside
}

// remove takes out a client that has ended.
func (r *registry) remove(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(c)
	if c.place == isLeaving {
		r.left(c.Node)
	}
	c.place = hasEnded
}

// left counts one that was told to go. mu is held.
func (r *registry) left(n *balancer.Node) {
	if r.told[n]--; r.told[n] == 0 {
		delete(r.told, n)
	}
}

// tell notes that a client which was taken out is told to go, unless it has ended.
func (r *registry) tell(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.place != 0 {
		return
	}
	if r.told == nil {
		r.told = make(map[*balancer.Node]int)
	}
	c.place = isLeaving
	r.told[c.Node]++
}

// leaving is how many of a node's clients were told to go, and are there still.
func (r *registry) leaving(n *balancer.Node) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[n]
}

// take takes out up to count of a node's clients, at random: those that came
// together do not go together.
func (r *registry) take(n *balancer.Node, count int) []*Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken []*Client
	for len(taken) < count && len(r.clients[n]) > 0 {
		c := r.clients[n][rand.IntN(len(r.clients[n]))]
		taken = append(taken, c)
		r.forget(c)
	}
	return taken
}

// sample returns up to count of a node's clients, at random, and leaves them
// in.
func (r *registry) sample(n *balancer.Node, count int) []*Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.clients[n])
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(count, len(all))]
}

// older returns the clients that have been connected for longer than age, and
// than the part of a tenth more that each has drawn: so those that came
// together do not become too old together. It leaves them in.
func (r *registry) older(age time.Duration, now time.Time) (old []*Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	spread := age / 10 >> 16
	for _, all := range r.clients {
		for _, c := range all {
			if now.Sub(c.Since) > age+spread*time.Duration(c.extra) {
				old = append(old, c)
			}
		}
	}
	rand.Shuffle(len(old), func(i, j int) { old[i], old[j] = old[j], old[i] })
	return old
}

// len is how many clients there are.
func (r *registry) len() (count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, all := range r.clients {
		count += len(all)
	}
	return count
}

// claim takes out one client; false when it has ended or was taken before.
func (r *registry) claim(c *Client) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forget(c)
}

// forget puts the last client into the place of the one that leaves.
func (r *registry) forget(c *Client) (was bool) {
	if c.place <= 0 {
		return false
	}
	if c.bound {
		r.bound--
	}
	all := r.clients[c.Node]
	last := all[len(all)-1]
	all[c.place-1], last.place = last, c.place
	all[len(all)-1], c.place = nil, 0
	r.clients[c.Node] = all[:len(all)-1]
	if len(all) == 1 {
		delete(r.clients, c.Node)
	}
	return true
}
