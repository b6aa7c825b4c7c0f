package balancer

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// nodes are nodes of weight 1, each at an address of its own.
func nodes(names ...string) []NodeOptions {
	var all []NodeOptions
	for i, name := range names {
		all = append(all, NodeOptions{Name: name, URL: URL{Host: fmt.Sprintf("10.0.0.%d:8080", i)}, Weight: 1})
	}
	return all
}

// unbounded is the default without bounded load: the hash alone decides.
func unbounded() StickyOptions {
	o := DefaultSticky()
	o.BoundedLoad = 0
	return o
}

// client is the key of client number i, each with an IPv4 address of its own.
func client(i int) Key {
	return Key{IP: netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)})}
}

// clientOf is the key of a client whose address hashes to the node.
func clientOf(t testing.TB, p *Pool, node string) Key {
	t.Helper()
	for i := range 10_000 {
		if pick, err := p.Explain(client(i)); err == nil && pick.Preferred.Name() == node {
			return client(i)
		}
	}
	t.Fatalf("no address hashes to %s", node)
	return Key{}
}

// node is a node that must be there.
func node(t testing.TB, p *Pool, name string) *Node {
	t.Helper()
	s, err := p.Node(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Node
}

// pinned is key with the cookie of a node.
func pinned(t testing.TB, p *Pool, key Key, name string) Key {
	t.Helper()
	key.Pins = []string{p.Pin(node(t, p, name))}
	return key
}

func acquire(t testing.TB, p *Pool, key Key) (Pick, func()) {
	t.Helper()
	pick, err := p.Acquire(key)
	if err != nil {
		t.Fatalf("acquire for %v: %v", key.IP, err)
	}
	return pick, pick.Release
}

func drain(t testing.TB, p *Pool, name string) Status {
	t.Helper()
	s, err := p.Drain(name, Drain{Started: time.Unix(1, 0), Force: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantPick looks at all that a pick says.
func wantPick(t testing.TB, p *Pool, key Key, node, preferred string, reason Reason) {
	t.Helper()
	pick, err := p.Explain(key)
	if err != nil {
		t.Fatalf("got %v, want %s", err, node)
	}
	if pick.Node.Name() != node || pick.Preferred.Name() != preferred || pick.Reason != reason {
		t.Errorf("got node %s, preferred %s, reason %s, want %s, %s, %s",
			pick.Node.Name(), pick.Preferred.Name(), pick.Reason, node, preferred, reason)
	}
}

func wantConnections(t testing.TB, p *Pool, n *Node, want int) {
	t.Helper()
	if got := p.Status(n).Connections; got != want {
		t.Errorf("node %s: got %d clients, want %d", n.Name(), got, want)
	}
}
