package balancer

import "testing"

func TestChecksAreNotBelievedWhenTooManyFailAtOnce(t *testing.T) {
	f := func(threshold, count, down int, want bool) {
		t.Helper()
		p := New(nodes([]string{"a", "b", "c", "d"}[:count]...), DefaultSticky())
		p.SetPanic(threshold, 0)
		for _, n := range p.Nodes()[:down] {
			p.SetCheck(n.Name, Check{Reason: "dial refused"})
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

func TestInAPanicClientsGoToNodesThatAreDownOnlyIfNoOtherCanTakeThem(t *testing.T) {
	options := nodes("a", "b", "c")
	options[2].MaxConnections = 5
	p := New(options, DefaultSticky())
	p.SetPanic(50, 0)
	p.SetCheck("a", Check{Reason: "no pong in 1s"})
	p.SetCheck("b", Check{Reason: "no pong in 1s"})
	got := map[string]int{}
	for i := range 25 {
		pick, _ := acquire(t, p, client(i))
		got[pick.Node.Name()]++
	}
	if got["c"] != 5 || got["a"] == 0 || got["b"] == 0 {
		t.Errorf("got %v, want 5 clients on c, which is up, and the others on a and b", got)
	}
	if p.CanMove(node(t, p, "c")) {
		t.Error("the clients of the one node that is up can move, want them to stay")
	}
	p.SetCheck("a", Check{Up: true, Passed: true, Reason: "pong in 1ms"})
	if p.Panicking() {
		t.Error("got a panic with 1 of 3 down, want the checks believed")
	}
}

func TestNobodyPanicsOverNodesWhereNobodyListens(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	p.SetPanic(50, 0)
	for _, name := range []string{"a", "b", "c"} {
		p.SetCheck(name, Check{Reason: "dial refused", Gone: true})
		if p.Panicking() {
			t.Fatalf("got a panic when nobody listened at %s any more, want none", name)
		}
	}
	if pick, err := p.Acquire(client(1)); err == nil {
		t.Errorf("got %s, where nobody listens", pick.Node.Name())
	}
	if _, err := p.Next(Demand{}); err == nil {
		t.Error("got a node for a plain request, want none: nobody listens")
	}
	p.SetCheck("b", Check{Reason: "no answer"}) // it takes connections, and does not answer
	if !p.Panicking() {
		t.Error("got no panic with the one node that takes connections failing, want one")
	}
	if n, err := p.Next(Demand{}); err != nil || n.Name() != "b" {
		t.Errorf("for a plain request: got %v, want b", err)
	}
}

func TestDrainingNodesAreNoReasonToPanic(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	p.SetPanic(50, 0)
	all := p.Nodes()
	for _, n := range all[:2] {
		if _, err := p.Drain(n.Name, Drain{Force: true}); err != nil {
			t.Fatal(err)
		}
		p.SetCheck(n.Name, Check{Reason: "dial refused"})
	}
	if p.Panicking() {
		t.Error("got a panic over nodes that are draining, want none")
	}
	p.SetCheck(all[2].Name, Check{Reason: "dial refused"})
	if !p.Panicking() {
		t.Error("got no panic with all others down, want one")
	}
}

func TestInAPanicNodesThatAreDownAreNoEqualsOfThoseThatAreUp(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	p.SetPanic(50, 0)
	p.SetCheck("a", Check{Reason: "no pong in 1s"})
	p.SetCheck("b", Check{Reason: "no pong in 1s"})
	if !p.Panicking() {
		t.Fatal("got no panic with 2 of 3 down")
	}
	for i := range 25 {
		key := client(i)
		pick, err := p.Explain(key)
		if err != nil || pick.Node.Name() != "c" {
			t.Fatalf("client %d: got %+v and %v, want c, which is up", i, pick, err)
		}
		if pick.Preferred.Name() != "c" && pick.Reason != ReasonDown {
			t.Errorf("client %d of %s: got %s, want %s", i, pick.Preferred.Name(), pick.Reason, ReasonDown)
		}
	}
	drain(t, p, "c")
	if pick, err := p.Explain(clientOf(t, p, "a")); err != nil || pick.Node.Name() != "a" || pick.Reason != ReasonHash {
		t.Errorf("without c: got %+v and %v, want a as the last resort", pick, err)
	}
}
