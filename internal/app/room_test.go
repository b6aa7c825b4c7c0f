package app

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
)

func TestADryRunWarnsOfNodesThatWouldEndUnderTheirClients(t *testing.T) {
	f := func(want string, loads ...balancer.Load) {
		t.Helper()
		if got := crowded(loads); got != want {
			t.Errorf("%v: got %q, want %q", loads, got, want)
		}
	}
	const advice = ": without ext-uv Reverb ends at about 1,017 connections, set max_connections: 950 there or install it"
	f("reverb-2 would come to 1200 clients"+advice, balancer.Load{Node: "reverb-2", Connections: 600, After: 1200})
	f("a would come to 1001 clients, b would come to 2000 clients"+advice,
		balancer.Load{Node: "a", After: 1001, MaxConnections: 950}, balancer.Load{Node: "b", Connections: 1999, After: 2000})
	f("", balancer.Load{Node: "a", Connections: 10, After: 1000})
	f("", balancer.Load{Node: "a", Connections: 5000, After: 5000}) // it has them already
}

func TestAReloadWarnsOfClientsThatHaveNoRoomAnyMore(t *testing.T) {
	f := func(want string, nodes ...balancer.Status) {
		t.Helper()
		if got := short(nodes); got != want {
			t.Errorf("%v: got %q, want %q", nodes, got, want)
		}
	}
	f("the nodes' max_connections allow 1900 clients together, and there are 2000",
		balancer.Status{Connections: 1000, MaxConnections: 950}, balancer.Status{Connections: 1000, MaxConnections: 950})
	f("the nodes' max_connections allow 950 clients together, and there are 1000",
		balancer.Status{Connections: 500, MaxConnections: 950}, balancer.Status{Connections: 500, MaxConnections: 950, Removed: true})
	f("", balancer.Status{Connections: 1000, MaxConnections: 950}, balancer.Status{Connections: 900, MaxConnections: 950})
	f("", balancer.Status{Connections: 1000, MaxConnections: 950}, balancer.Status{Connections: 0, MaxConnections: 50})
	f("the nodes' max_connections allow 1000 clients together, and there are 1001",
		balancer.Status{Connections: 1001, MaxConnections: 950}, balancer.Status{Connections: 0, MaxConnections: 50})
	f("", balancer.Status{Connections: 1000, MaxConnections: 950}, balancer.Status{Connections: 2000})
}

func TestTwoWarningsAreOneLine(t *testing.T) {
	f := func(one, other, want string) {
		t.Helper()
		if got := both(one, other); got != want {
			t.Errorf("%q and %q: got %q, want %q", one, other, got, want)
		}
	}
	f("", "", "")
	f("a", "", "a")
	f("", "b", "b")
	f("a", "b", "a; b")
}

func TestTheLogSaysWhenClientsCouldNotComeAgain(t *testing.T) {
	a, _ := resting(t)
	core, logs := observer.New(zap.WarnLevel)
	a.log = zap.New(core)
	for range 3 {
		if _, err := a.pool.Acquire(balancer.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	f := func(capacity balancer.Cap, want int) {
		t.Helper()
		nodes := join(twoNodes("").Nodes, nil).nodes
		nodes[0].MaxConnections, nodes[1].MaxConnections = capacity, capacity
		a.pool.Replace(nodes, balancer.DefaultSticky())
		if a.noteRoom(); len(logs.TakeAll()) != want {
			t.Errorf("with room for %d clients each: want %d lines", capacity, want)
		}
	}
	f(10, 0)
	f(1, 1)
}
