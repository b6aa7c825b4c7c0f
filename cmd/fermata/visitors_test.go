package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// visitors are clients that come back as pusher-js does, with their cookie: at
// once after 4200 to 4299, and after a second after 4100 to 4199.
type visitors struct {
	t *testing.T
	s *stack

	ended sync.WaitGroup
	mu    sync.Mutex
	all   []visitor
	news  chan struct{} // closed at the next change
}

// visitor is where a client is, and has been.
type visitor struct {
	node  string   // empty: on its way
	been  []string // all its nodes, in order
	codes []websocket.StatusCode
	err   error // why it does not come back
}

// visit connects clients, one after the other, so that bounded load spreads
// them evenly.
func (s *stack) visit(count int) *visitors {
	s.t.Helper()
	v := &visitors{t: s.t, s: s, all: make([]visitor, count), news: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(func() {
		cancel()
		v.ended.Wait()
	})
	for i := range count {
		p := s.dial()
		v.arrived(i, p.node)
		v.ended.Go(func() { v.stay(ctx, i, p) })
	}
	return v
}

// stay reads until the client is closed, and comes back.
func (v *visitors) stay(ctx context.Context, i int, p *peer) {
	cookie := p.cookie
	for {
		var err error
		for err == nil {
			_, _, err = p.Read(ctx)
		}
		code := websocket.CloseStatus(err)
		v.change(i, func(c *visitor) { c.node, c.codes = "", append(c.codes, code) })
		if code < 4100 || code > 4299 {
			v.change(i, func(c *visitor) { c.err = err })
			return
		}
		if code < 4200 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		if p, err = v.s.tryDial(cookie); err != nil {
			v.change(i, func(c *visitor) { c.err = err })
			return
		}
		if p.cookie != nil {
			cookie = p.cookie
		}
		v.arrived(i, p.node)
	}
}

func (v *visitors) arrived(i int, node string) {
	v.change(i, func(c *visitor) { c.node, c.been = node, append(c.been, node) })
}

func (v *visitors) change(i int, change func(*visitor)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.all[i])
	close(v.news)
	v.news = make(chan struct{})
}

// now is a copy.
func (v *visitors) now() []visitor {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]visitor{}, v.all...)
}

// wait waits until that is true.
func (v *visitors) wait(what string, is func(on map[string]int) bool) []visitor {
	v.t.Helper()
	timeout := time.After(testTimeout)
	for {
		v.mu.Lock()
		news := v.news
		v.mu.Unlock()
		all := v.now()
		if is(perNodeOf(all)) {
			return all
		}
		select {
		case <-news:
		case <-timeout:
			v.t.Fatalf("not in %s: %s; clients are on %v: %+v", testTimeout, what, perNodeOf(all), all)
		}
	}
}

// perNodeOf counts the clients of each node; those on their way are under "".
func perNodeOf(all []visitor) map[string]int {
	on := make(map[string]int)
	for _, c := range all {
		on[c.node]++
	}
	return on
}

// none is that no client is on one of the nodes, or on its way.
func none(nodes ...string) func(on map[string]int) bool {
	return func(on map[string]int) bool {
		for _, node := range append(nodes, "") {
			if on[node] > 0 {
				return false
			}
		}
		return true
	}
}

// wantMoves looks at how often each client was moved, and by which codes.
func (v *visitors) wantMoves(most func(first string) int, codes ...websocket.StatusCode) {
	v.t.Helper()
	for i, c := range v.now() {
		if moves := len(c.been) - 1; moves > most(c.been[0]) || c.err != nil {
			v.t.Errorf("client %d: got %d moves (%v) and %v, want at most %d", i, moves, c.been, c.err, most(c.been[0]))
		}
		for _, code := range c.codes {
			if code != codes[0] {
				v.t.Errorf("client %d: got the codes %v, want %d", i, c.codes, codes[0])
			}
		}
	}
}

func atMost(moves int) func(string) int { return func(string) int { return moves } }

// even spreads clients evenly, though all have one address.
const even = "sticky: {bounded_load: 1}\ntimeouts: {close: 1s}\n"
