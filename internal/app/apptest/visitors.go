package apptest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Visitors are clients that come back as pusher-js does, with their cookie: at
// once after 4200 to 4299, and after a second after 4100 to 4199.
type Visitors struct {
	t *testing.T
	s *Stack

	ended sync.WaitGroup
	mu    sync.Mutex
	all   []Visitor
	news  chan struct{} // closed at the next change
}

// Visitor is where a client is, and has been.
type Visitor struct {
	Node  string   // empty: on its way
	Been  []string // all its nodes, in order
	Codes []websocket.StatusCode
	Err   error // why it does not come back
}

// Visit connects clients, one after the other, so that bounded load spreads
// them evenly.
func (s *Stack) Visit(count int) *Visitors {
	s.T.Helper()
	v := &Visitors{t: s.T, s: s, all: make([]Visitor, count), news: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	s.T.Cleanup(func() {
		cancel()
		v.ended.Wait()
	})
	for i := range count {
		p := s.Dial()
		v.arrived(i, p.Node)
		v.ended.Go(func() { v.stay(ctx, i, p) })
	}
	return v
}

// stay reads until the client is closed, and comes back.
func (v *Visitors) stay(ctx context.Context, i int, p *Peer) {
	cookie := p.Cookie
	for {
		var err error
		for err == nil {
			_, _, err = p.Read(ctx)
		}
		code := websocket.CloseStatus(err)
		v.change(i, func(c *Visitor) { c.Node, c.Codes = "", append(c.Codes, code) })
		if code < 4100 || code > 4299 {
			v.change(i, func(c *Visitor) { c.Err = err })
			return
		}
		if code < 4200 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		if p, err = v.s.TryDial(cookie); err != nil {
			v.change(i, func(c *Visitor) { c.Err = err })
			return
		}
		if p.Cookie != nil {
			cookie = p.Cookie
		}
		v.arrived(i, p.Node)
	}
}

func (v *Visitors) arrived(i int, node string) {
	v.change(i, func(c *Visitor) { c.Node, c.Been = node, append(c.Been, node) })
}

func (v *Visitors) change(i int, change func(*Visitor)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.all[i])
	close(v.news)
	v.news = make(chan struct{})
}

// Wait waits until that is true.
func (v *Visitors) Wait(what string, is func(on map[string]int) bool) []Visitor {
	v.t.Helper()
	timeout := time.After(Timeout)
	for {
		v.mu.Lock()
		news := v.news
		v.mu.Unlock()
		all := v.Now()
		if is(PerNodeOf(all)) {
			return all
		}
		select {
		case <-news:
		case <-timeout:
			v.t.Fatalf("not in %s: %s; clients are on %v: %+v", Timeout, what, PerNodeOf(all), all)
		}
	}
}

// Now is a copy.
func (v *Visitors) Now() []Visitor {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Visitor{}, v.all...)
}

// PerNodeOf counts the clients of each node; those on their way are under "".
func PerNodeOf(all []Visitor) map[string]int {
	on := make(map[string]int)
	for _, c := range all {
		on[c.Node]++
	}
	return on
}

// None is that no client is on one of the nodes, or on its way.
func None(nodes ...string) func(on map[string]int) bool {
	return func(on map[string]int) bool {
		for _, node := range append(nodes, "") {
			if on[node] > 0 {
				return false
			}
		}
		return true
	}
}

// WantMoves looks at how often each client was moved, and by which codes.
func (v *Visitors) WantMoves(most func(first string) int, codes ...websocket.StatusCode) {
	v.t.Helper()
	for i, c := range v.Now() {
		if moves := len(c.Been) - 1; moves > most(c.Been[0]) || c.Err != nil {
			v.t.Errorf("client %d: got %d moves (%v) and %v, want at most %d", i, moves, c.Been, c.Err, most(c.Been[0]))
		}
		for _, code := range c.Codes {
			if code != codes[0] {
				v.t.Errorf("client %d: got the codes %v, want %d", i, c.Codes, codes[0])
			}
		}
	}
}

// AtMost is the same bound for the clients of every node.
func AtMost(moves int) func(string) int { return func(string) int { return moves } }
