package balancer

import (
	"errors"
	"testing"
)

func TestAFermataTakesNoMoreClientsThanItsQuota(t *testing.T) {
	all := nodes("a")
	all[0].MaxConnections = 10
	p := New(all, unbounded())
	if got := p.SetQuota("a", 2); got != 2 {
		t.Fatalf("got a quota of %d, want 2", got)
	}
	acquire(t, p, client(1))
	_, leave := acquire(t, p, client(2))
	if _, err := p.Acquire(client(3)); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("got %v, want no usable node for a third client", err)
	}
	if got := p.Candidates(client(3))[0].Explain(); got != "full: 2 of 2 clients" {
		t.Errorf("got %q, want that it is full with 2 of 2 clients", got)
	}
	p.SetQuota("a", 3)
	acquire(t, p, client(3))
	if got := p.SetQuota("a", 1); got != 3 {
		t.Errorf("got a quota of %d, want 3: it has so many", got)
	}
	leave()
	if _, err := p.Acquire(client(4)); err != nil {
		t.Errorf("got %v, want the place that has become free", err)
	}
}

func TestAQuotaAboveTheCapOrWithoutOneMeansNothing(t *testing.T) {
	all := nodes("a", "b")
	all[0].MaxConnections = 1
	p := New(all, unbounded())
	p.SetQuota("a", 5)
	p.SetQuota("b", 1)
	if got := p.SetQuota("nobody", 5); got != 0 {
		t.Errorf("got a quota of %d for an unknown node, want 0", got)
	}
	acquire(t, p, clientOf(t, p, "a"))
	for i := range 5 {
		if pick, _ := acquire(t, p, client(i)); pick.Node.Name() != "b" {
			t.Errorf("client %d: got %s, want b: a is full and b has no cap", i, pick.Node.Name())
		}
	}
}

func TestPlainRequestsCountTowardsTheQuota(t *testing.T) {
	all := nodes("a")
	all[0].MaxConnections = 10
	p := New(all, unbounded())
	p.SetQuota("a", 1)
	turn, err := p.Next(Demand{Signed: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.SetQuota("a", 0); got != 1 {
		t.Errorf("got a quota of %d, want 1: it has a request", got)
	}
	if _, err := p.Acquire(client(1)); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("got %v, want no place while the request is there", err)
	}
	turn.Release(AnswerNothing)
	acquire(t, p, client(1))
}

func TestClientsThatANodeHasNoPlaceForAreCounted(t *testing.T) {
	all := nodes("a", "b")
	all[0].MaxConnections = 10
	p := New(all, unbounded())
	p.SetQuota("a", 1)
	missed := func(want int) {
		t.Helper()
		if n, _ := p.Node("a"); n.Missed != want {
			t.Errorf("got %d clients that would have come, want %d", n.Missed, want)
		}
	}
	key := clientOf(t, p, "a")
	acquire(t, p, key)
	missed(0)
	acquire(t, p, key) // b has it
	missed(1)
	p.SetCheck("b", Check{Reason: "dial refused"})
	if _, err := p.Acquire(key); !errors.Is(err, ErrNoUsableNode) {
		t.Errorf("got %v, want no usable node", err)
	}
	missed(2)
	p.Explain(key)
	missed(2)
	drain(t, p, "a")
	p.Acquire(key)
	missed(2)
}
