package moves

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// crowd are clients over no sockets, and when they were closed.
type crowd struct {
	pool  *balancer.Pool
	moves *Moves
	node  *balancer.Node

	mu    sync.Mutex
	times []time.Time
	codes map[int]int
	hold  time.Duration // the next Close takes so long, as when the process is stopped
}

// fakeConn ends as soon as it is closed.
type fakeConn struct {
	relay.Relay // has no other methods

	crowd *crowd
	c     *Client
	pick  balancer.Pick
}

func (f *fakeConn) Close(how relay.Close) {
	f.crowd.closed(how)
	f.crowd.moves.Remove(f.c)
	f.pick.Release()
}

func (w *crowd) closed(how relay.Close) {
	w.mu.Lock()
	w.times = append(w.times, time.Now())
	w.codes[how.Code]++
	hold := w.hold
	w.hold = 0
	w.mu.Unlock()
	time.Sleep(hold)
}

// gone is when clients were closed, after the start.
func (w *crowd) gone() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.times
}

// newCrowd puts clients on the first of two nodes.
func newCrowd(t *testing.T, count int) *crowd {
	t.Helper()
	pool := poolOf(2)
	w := &crowd{pool: pool, moves: New(pool, Options{Answer: 5 * time.Second}), node: pool.Nodes()[0].Node, codes: make(map[int]int)}
	for range count {
		w.join(t)
	}
	return w
}

func poolOf(nodes int) *balancer.Pool {
	var o []balancer.NodeOptions
	for i := range nodes {
		o = append(o, balancer.NodeOptions{Name: fmt.Sprintf("reverb-%d", i+1), Weight: 1})
	}
	return balancer.New(o, balancer.DefaultSticky())
}

func (w *crowd) join(t *testing.T) *Client {
	t.Helper()
	pick, err := w.pool.Acquire(balancer.Key{Pins: []string{w.pool.Pin(w.node)}})
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{Node: pick.Node, Since: time.Now()}
	c.Relay = &fakeConn{crowd: w, c: c, pick: pick}
	w.moves.Add(c)
	return c
}

// drain moves the clients off their node.
func (w *crowd) drain(rate int) (moved chan struct{}) {
	moved = make(chan struct{})
	w.moves.Move(w.node, Move{Code: 4200, By: relay.ByDrain, Rate: rate}, func() { close(moved) })
	return moved
}

// perSecond is how many went in each second after the start.
func (w *crowd) perSecond(start time.Time) (counts []int) {
	for _, at := range w.gone() {
		second := int(at.Sub(start) / time.Second)
		for len(counts) <= second {
			counts = append(counts, 0)
		}
		counts[second]++
	}
	return counts
}

func TestADrainKeepsItsRateInEverySecondAndWithinIt(t *testing.T) {
	for _, rate := range []int{1, 7, 50, 100, 333, 2000} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t, 4*rate)
			start := time.Now()
			<-w.drain(rate)
			if most := fullestSecond(w.gone()); most > rate+rate/20 {
				t.Errorf("rate %d: got %d in one second", rate, most)
			}
			for i, got := range w.perSecond(start)[:3] {
				if got < rate-rate/20-1 {
					t.Errorf("rate %d: got %d in second %d", rate, got, i)
				}
			}
			most, longest := 0, time.Duration(0)
			for i, at := range w.gone()[1:] {
				if longest = max(longest, at.Sub(w.gone()[i])); at.Equal(w.gone()[i]) {
					most++
				} else {
					most = 0
				}
				if most > rate*3/100 {
					t.Fatalf("rate %d: got %d at one moment", rate, most+1)
				}
			}
			if want := time.Second/time.Duration(rate) + longNap; longest > want {
				t.Errorf("rate %d: got nobody for %s, want at most %s", rate, longest, want)
			}
		})
	}
}

func TestAPauseOfTheProcessIsNotMadeUpForInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		start := time.Now()
		moved := w.drain(100)
		time.Sleep(2500 * time.Millisecond)
		w.mu.Lock()
		w.hold = 3 * time.Second
		w.mu.Unlock()
		<-moved
		if most := fullestSecond(w.gone()); most > 105 {
			t.Errorf("got %d in one second, want at most 105", most)
		}
		if took := time.Since(start); took < 12900*time.Millisecond || took > 13200*time.Millisecond {
			t.Errorf("got the last one after %s, want 13s: the pause is not made up for", took)
		}
	})
}

func TestANewRateCountsFromNowOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		start := time.Now()
		w.drain(10)
		time.Sleep(2 * time.Second)
		moved := w.drain(100)
		<-moved
		counts := w.perSecond(start)
		for i, want := range []int{10, 10, 100, 100} {
			if counts[i] > want+want/20 || counts[i] < want-want/20-1 {
				t.Errorf("second %d: got %d, want %d", i, counts[i], want)
			}
		}
	})
}

func TestAskingAgainAndAgainMovesNobodySooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		start := time.Now()
		for time.Since(start) < 4*time.Second {
			w.drain(20)
			time.Sleep(30 * time.Millisecond)
		}
		w.moves.Stay(w.node)
		if got := len(w.gone()); got < 70 || got > 84 {
			t.Errorf("got %d in 4s, want 20 a second", got)
		}
		if most := fullestSecond(w.gone()); most > 21 {
			t.Errorf("got %d in one second, want at most 21", most)
		}
	})
}

func TestWhoIsLeftStaysWhenTheDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		w.drain(10)
		time.Sleep(2050 * time.Millisecond)
		w.moves.Stay(w.node)
		time.Sleep(time.Hour)
		if got := len(w.gone()); got != 20 {
			t.Errorf("got %d gone, want 20", got)
		}
	})
}

func TestNobodyGoesDuringTheGraceOrWhileNoOtherNodeCanTakeThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 300)
		start := time.Now()
		moved := make(chan struct{})
		w.moves.Move(w.node, Move{Code: 4200, Rate: 100, Begin: start.Add(5 * time.Second)}, func() { close(moved) })
		time.Sleep(6 * time.Second)
		w.pool.SetCheck("reverb-2", balancer.Check{Reason: "dial refused"})
		time.Sleep(10 * time.Second)
		w.pool.SetCheck("reverb-2", balancer.Check{Up: true, Passed: true, Reason: "ok"})
		<-moved
		if first := w.gone()[0].Sub(start); first < 5*time.Second {
			t.Errorf("got the first one after %s, want the grace of 5s", first)
		}
		counts := w.perSecond(start)
		for i, got := range counts[7:16] {
			if got > 1 {
				t.Errorf("second %d: got %d, want nobody while no other node is up", i+7, got)
			}
		}
		if most := fullestSecond(w.gone()); most > 105 {
			t.Errorf("got %d in one second, want at most 105", most)
		}
		if w.codes[4200] != 300 {
			t.Errorf("got the codes %v, want 4200 for all", w.codes)
		}
	})
}

func TestTheDeadlineTakesEverybodyThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		start := time.Now()
		moved := make(chan struct{})
		w.moves.Move(w.node, Move{Code: 4200, Rate: 1, Deadline: start.Add(20 * time.Second)}, func() { close(moved) })
		<-moved
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("got the last one after %s, want the deadline of 20s", took)
		}
	})
}

func TestAClientIsYoungUntilItHasBeenThereForTwoSeconds(t *testing.T) {
	now := time.Now()
	f := func(age time.Duration, want bool) {
		t.Helper()
		if c := (&Client{Since: now.Add(-age)}); c.IsYoung(now) != want {
			t.Errorf("after %s: got young %v, want %v", age, !want, want)
		}
	}
	f(0, true)
	f(2*time.Second-time.Nanosecond, true)
	f(2*time.Second, false)
}

// A node that accepts clients and answers none of them would have them in a loop.
func TestAClientOfALostNodeThatHasOnlyJustComeWaitsASecond(t *testing.T) {
	for _, by := range []relay.By{relay.ByNodeLost, relay.ByDrain} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t, 3)
			time.Sleep(2 * time.Second)
			w.join(t)
			moved := make(chan struct{})
			w.moves.Move(w.node, Move{Code: 4200, By: by, Rate: 0}, func() { close(moved) })
			<-moved
			wantYoung := 0
			if by == relay.ByNodeLost {
				wantYoung = 1
			}
			if w.codes[4100] != wantYoung || w.codes[4200] != 4-wantYoung {
				t.Errorf("%s: got the codes %v, want 4100 for %d of 4, and 4200 for the others", by, w.codes, wantYoung)
			}
		})
	}
}
