package balancer

import (
	"net/netip"
	"testing"
)

func TestChecksAreNotBelievedWhenTooManyFailAtOnce(t *testing.T) {
	f := func(threshold, count, down int, want bool) {
		t.Helper()
		p := New(nodes([]string{"a", "b", "c", "d"}[:count]...), DefaultSticky())
		p.SetPanicThreshold(threshold)
		for _, n := range p.Nodes()[:down] {
			p.SetHealth(n.Name, false, "dial refused")
		}
		if got := p.Panicking(); got != want {
			t.Errorf("%d of %d down at %d %%: got %v, want %v", down, count, threshold, got, want)
		}
	}
	f(50, 2, 1, false)
	f(50, 3, 1, false)
	f(50, 3, 2, true)
	f(50, 4, 2, false)
	f(50, 1, 1, true)
	f(0, 3, 3, false)
	f(100, 3, 3, false)
	f(99, 3, 3, true)
}

func TestInAPanicClientsGoToNodesThatAreDownToo(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	p.SetPanicThreshold(50)
	all := p.Nodes()
	p.SetHealth(all[0].Name, false, "no pong in 1s")
	p.SetHealth(all[1].Name, false, "no pong in 1s")
	got := map[*Node]bool{}
	for range 30 {
		pick, _, err := p.Acquire(Key{IP: netip.MustParseAddr("192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		got[pick.Node] = true
	}
	if len(got) != 3 {
		t.Errorf("got clients on %d nodes, want on all 3", len(got))
	}
	if p.CanMove(all[2].Node) {
		t.Error("the clients of the one node that is up can move, want them to stay")
	}
	p.SetHealth(all[0].Name, true, "pong in 1ms")
	if p.Panicking() {
		t.Error("got a panic with 1 of 3 down, want the checks believed")
	}
}

func TestDrainingNodesAreNoReasonToPanic(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	p.SetPanicThreshold(50)
	all := p.Nodes()
	for _, n := range all[:2] {
		if _, err := p.Drain(n.Name, Drain{Force: true}); err != nil {
			t.Fatal(err)
		}
		p.SetHealth(n.Name, false, "dial refused")
	}
	if p.Panicking() {
		t.Error("got a panic over nodes that are draining, want none")
	}
	p.SetHealth(all[2].Name, false, "dial refused")
	if !p.Panicking() {
		t.Error("got no panic with all others down, want one")
	}
}
