package balancer

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// crowd is a pool and what a test knows of its clients.
type crowd struct {
	pool    *Pool
	options []NodeOptions
	quarter int // four times the bound, so that the model needs no fractions
	clients []member
}

type member struct {
	node    *Node
	release func()
}

func newCrowd(t *rapid.T) *crowd {
	c := &crowd{options: drawNodes(t), quarter: rapid.SampledFrom([]int{4, 5, 6, 8}).Draw(t, "quarters")}
	for i := range c.options {
		c.options[i].MaxConnections = rapid.SampledFrom([]Cap{0, 0, 1, 3, 10}).Draw(t, "cap")
	}
	sticky := DefaultSticky()
	sticky.BoundedLoad = float64(c.quarter) / 4
	c.pool = New(c.options, sticky)
	return c
}

// below is whether a node may have one client more, in exact arithmetic.
func (c *crowd) below(s Status, all []Status) bool {
	clients, weights := 1, 0
	for _, other := range all {
		if usable(other) {
			clients += other.Connections
			weights += other.Weight
		}
	}
	over, under := c.quarter*clients*s.Weight, 4*weights
	return s.Connections+1 <= (over+under-1)/under
}

func usable(s Status) bool {
	return s.Up && s.Drain == nil && (s.MaxConnections == 0 || s.Connections < s.MaxConnections)
}

func (c *crowd) name(t *rapid.T) string {
	return rapid.SampledFrom(c.options).Draw(t, "node").Name
}

func (c *crowd) acquire(t *rapid.T) {
	all := c.pool.Nodes()
	key := client(rapid.IntRange(0, 20).Draw(t, "client"))
	if rapid.IntRange(0, 3).Draw(t, "pin") == 0 {
		s, _ := c.pool.Node(c.name(t))
		key.Pins = []string{c.pool.Pin(s.Node)}
	}
	pick, err := c.pool.Acquire(key)
	if err != nil {
		if slices.ContainsFunc(all, usable) {
			t.Fatalf("got %v with usable nodes: %+v", err, all)
		}
		return
	}
	c.clients = append(c.clients, member{pick.Node, pick.Release})
	chosen, preferred := statusOf(all, pick.Node), statusOf(all, pick.Preferred)
	if !usable(chosen) {
		t.Fatalf("picked %+v, which is not usable", chosen)
	}
	if pick.Reason == ReasonLoad && c.below(preferred, all) {
		t.Fatalf("passed over %+v, which is below the bound", preferred)
	}
	if pick.Reason != ReasonCookie && !c.below(chosen, all) { // one is always below
		t.Fatalf("picked %+v, which is above the bound, of %+v", chosen, all)
	}
}

func statusOf(all []Status, n *Node) Status {
	return all[slices.IndexFunc(all, func(s Status) bool { return s.Node == n })]
}

func (c *crowd) release(t *rapid.T) {
	if len(c.clients) == 0 {
		return
	}
	at := rapid.IntRange(0, len(c.clients)-1).Draw(t, "leaves")
	c.clients[at].release()
	c.clients[at].release() // a second time does no harm
	c.clients = slices.Delete(c.clients, at, at+1)
}

// check holds the pool's counts against what the test knows.
func (c *crowd) check(t *rapid.T) {
	want := map[*Node]int{}
	for _, m := range c.clients {
		want[m.node]++
	}
	for _, s := range c.pool.Nodes() {
		if s.Connections != want[s.Node] {
			t.Fatalf("node %s: got %d clients, want %d", s.Name, s.Connections, want[s.Node])
		}
	}
}

func TestNoClientGoesAboveTheBoundWhileANodeIsBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCrowd(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        c.check,
			"acquire": c.acquire,
			"another": c.acquire, // more come than go
			"release": c.release,
			"health": func(t *rapid.T) {
				c.pool.SetCheck(c.name(t), Check{Up: rapid.Bool().Draw(t, "up"), Reason: "checked"})
			},
			"drain": func(t *rapid.T) {
				_, err := c.pool.Drain(c.name(t), Drain{})
				if err != nil && !errors.Is(err, ErrLastNode) && !errors.Is(err, ErrNoRoom) {
					t.Fatal(err)
				}
			},
			"undrain": func(t *rapid.T) { c.pool.Undrain(c.name(t)) },
		})
	})
}
