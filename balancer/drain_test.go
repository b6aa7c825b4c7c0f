package balancer

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestDrainRefusesTheLastUsableNode(t *testing.T) {
	p := New(nodes("a", "b", "c"), DefaultSticky())
	refuses := func(name string, force bool, want error) {
		t.Helper()
		if _, err := p.Forecast(name, Drain{Force: force}); !errors.Is(err, want) {
			t.Errorf("check: got %v, want %v", err, want)
		}
		if _, err := p.Drain(name, Drain{Force: force}); !errors.Is(err, want) {
			t.Errorf("drain: got %v, want %v", err, want)
		}
	}
	refuses("nobody", true, ErrUnknownNode)
	p.SetCheck("b", Check{Reason: "dial refused"})
	refuses("a", false, nil)
	refuses("c", false, ErrLastNode)
	refuses("a", false, nil) // again: it is draining already
	refuses("b", false, nil) // it takes nobody anyway
	refuses("c", true, nil)
	if p.Usable() {
		t.Error("got a usable pool, want none after a forced drain")
	}
}

func TestARemovedNodeIsNeverTheLastUsableOne(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	acquire(t, p, pinned(t, p, client(1), "a"))
	p.Replace(nodes("b"), unbounded())
	p.SetCheck("b", Check{Reason: "dial refused"})
	if _, err := p.Forecast("a", Drain{}); err != nil {
		t.Errorf("got %v, want no error: a takes nobody anyway", err)
	}
}

func TestDrainingAgainKeepsTheStartAndTakesTheNewSettings(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	key := pinned(t, p, client(1), "a")
	_, release := acquire(t, p, key)
	acquire(t, p, key)
	first, err := p.Drain("a", Drain{Started: time.Unix(1, 0), Rate: 1, CloseCode: 4200})
	if err != nil || first.Drain.Initial != 2 {
		t.Fatalf("got %+v and %v, want a drain of 2 clients", first.Drain, err)
	}
	release()
	again, err := p.Drain("a", Drain{Started: time.Unix(9, 0), Rate: 50, CloseCode: 4100})
	want := Drain{Started: time.Unix(1, 0), Initial: 2, Rate: 50, CloseCode: 4100}
	if err != nil || *again.Drain != want || again.Connections != 1 {
		t.Errorf("got %+v with %d clients and %v, want %+v with 1", *again.Drain, again.Connections, err, want)
	}
}

func TestADrainOfBeforeARestartKeepsItsInitialCount(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	got, err := p.Drain("a", Drain{Initial: 500})
	if err != nil || got.Drain.Initial != 500 {
		t.Errorf("got %+v and %v, want 500 clients at the start", got.Drain, err)
	}
}

func TestUndrainMakesANodeReadyAgain(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	key := pinned(t, p, clientOf(t, p, "b"), "a")
	drain(t, p, "a")
	wantPick(t, p, key, "b", "a", ReasonDraining)
	for range 2 { // the second time nothing is left to do
		if got, err := p.Undrain("a"); err != nil || got.Drain != nil {
			t.Fatalf("got %+v and %v, want a ready node", got, err)
		}
	}
	wantPick(t, p, key, "a", "a", ReasonCookie)
	if _, err := p.Undrain("nobody"); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("got %v, want %v", err, ErrUnknownNode)
	}
}

func TestAStatusIsACopy(t *testing.T) {
	p := New(nodes("a", "b"), DefaultSticky())
	drain(t, p, "a").Drain.Rate = 7
	if got, _ := p.Node("a"); got.Drain.Rate != 0 {
		t.Errorf("got rate %d, want 0: the caller changed its copy only", got.Drain.Rate)
	}
}

func TestNoClientSlipsInAfterDrainHasReturned(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	a := node(t, p, "a")
	keys := []Key{pinned(t, p, client(1), "a"), clientOf(t, p, "a")}
	var drained atomic.Bool
	var started, ended sync.WaitGroup
	for i := range 8 {
		started.Add(1)
		begin := sync.OnceFunc(started.Done)
		ended.Go(func() {
			for left := 200; left > 0; { // as many after the drain
				late := drained.Load()
				pick, err := p.Acquire(keys[i%len(keys)])
				begin()
				if err != nil {
					t.Errorf("got %v, want a node", err)
					return
				}
				if late && pick.Node == a {
					t.Error("got a client on a after its drain, want none")
				}
				if late {
					left--
				}
				pick.Release()
			}
		})
	}
	started.Wait()
	drain(t, p, "a")
	drained.Store(true)
	ended.Wait()
	wantConnections(t, p, a, 0)
}
