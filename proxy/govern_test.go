package proxy

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
)

// inTime is when clients have to be answered that have all the time they need.
func inTime() time.Time { return time.Now().Add(time.Hour) }

// admitted counts, by the second, when a crowd gets to a node.
func admitted(t *testing.T, g *governor, n *balancer.Node, l Limits, crowd int) (seconds []int, refused int) {
	t.Helper()
	began := time.Now()
	type outcome struct {
		second int
		err    error
	}
	outcomes := make(chan outcome, crowd)
	for range crowd {
		go func() {
			err := g.wait(t.Context(), began.Add(8*time.Second), n, l)
			outcomes <- outcome{int(time.Since(began) / time.Second), err}
		}()
	}
	seconds = make([]int, 9)
	for range crowd {
		if o := <-outcomes; o.err != nil {
			refused++
		} else {
			seconds[o.second]++
		}
	}
	return seconds, refused
}

func TestACrowdGetsToANodeAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		seconds, refused := admitted(t, &g, new(balancer.Node), Limits{UpgradesPerSecond: 100}, 1000)
		for second, got := range seconds[:8] {
			if got < 95 || got > 111 { // the first second has the burst of a tenth
				t.Errorf("second %d: got %d upgrades, want about 100", second, got)
			}
		}
		if refused < 180 || refused > 200 {
			t.Errorf("got %d refused of 1000, want those that could not have had their turn in 8 s, about 190", refused)
		}
	})
}

func TestClientsThatWaitForTheirTurnsWakeTheProcessTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		one, other, l := new(balancer.Node), new(balancer.Node), Limits{UpgradesPerSecond: 500}
		var mu sync.Mutex
		moments := make(map[time.Time]int)
		var crowd sync.WaitGroup
		for i := range 2000 {
			crowd.Go(func() {
				if err := g.wait(t.Context(), inTime(), []*balancer.Node{one, other}[i%2], l); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				moments[time.Now()]++
			})
		}
		crowd.Wait()
		if len(moments) > 102 { // two seconds, and the burst
			t.Errorf("got the turns of 2000 clients at %d moments, want about 50 a second", len(moments))
		}
		for at, clients := range moments {
			if clients > 100 {
				t.Errorf("got %d turns at %v, want no more than the bursts of two nodes", clients, at)
			}
		}
	})
}

func TestATurnThatWouldComeTooLateIsLeftToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		n, l := new(balancer.Node), Limits{UpgradesPerSecond: 10}
		if err := g.wait(t.Context(), inTime(), n, l); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := g.wait(t.Context(), began.Add(50*time.Millisecond), n, l); !errors.Is(err, errTurnTooLate) || time.Since(began) > 0 {
			t.Errorf("got %v after %v, want it told at once that its turn would come too late", err, time.Since(began))
		}
		if err := g.wait(t.Context(), inTime(), n, l); err != nil || time.Since(began) > 100*time.Millisecond+beat {
			t.Errorf("got %v after %v, want the turn that the other one has left", err, time.Since(began))
		}
	})
}

func TestACrowdThatComesAfterARestGetsNoMoreAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		n, l := new(balancer.Node), Limits{UpgradesPerSecond: 100}
		if err := g.wait(t.Context(), inTime(), n, l); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if seconds, _ := admitted(t, &g, n, l, 500); seconds[0] < 95 || seconds[0] > 111 {
			t.Errorf("got %d upgrades in the first second, want about 100 and the burst of a tenth", seconds[0])
		}
	})
}

func TestOnlyANodeThatHasJustComeBackGetsMoreBySecond(t *testing.T) {
	var g governor
	n, l, now := new(balancer.Node), Limits{UpgradesPerSecond: 100, SlowStart: 10 * time.Second}, time.Now()
	f := func(what string, at time.Time, want bool) {
		t.Helper()
		if _, faster := g.limiter(n, l, at); faster != want {
			t.Errorf("%s: got more soon %v, want %v", what, faster, want)
		}
	}
	f("never away", now, false)
	g.returned(n, now)
	f("just back", now, true)
	f("almost at its rate", now.Add(9999*time.Millisecond), true)
	f("at its rate", now.Add(10*time.Second), false)
	for range 80 { // from a fifth to the whole
		g.answered(n, promptly)
	}
	f("has answered all promptly", now, false)
}

func TestWithoutARateNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		if seconds, refused := admitted(t, &g, new(balancer.Node), Limits{}, 1000); seconds[0] != 1000 || refused != 0 {
			t.Errorf("got %d at once and %d refused, want 1000 and 0", seconds[0], refused)
		}
	})
}

func TestANodeThatCameBackStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		n, l := new(balancer.Node), Limits{UpgradesPerSecond: 100, SlowStart: 10 * time.Second}
		g.returned(n, time.Now())
		f := func(after time.Duration, want float64) {
			t.Helper()
			if got := g.allowance(n).rate(l, time.Now().Add(after)); got < want-0.01 || got > want+0.01 {
				t.Errorf("after %v: got %v a second, want %v", after, got, want)
			}
		}
		f(0, 20)
		f(5*time.Second, 50)
		f(10*time.Second, 100)
		f(time.Hour, 100)
	})
}

func TestANodeThatAnswersSlowlyGetsLess(t *testing.T) {
	var g governor
	n, l := new(balancer.Node), Limits{UpgradesPerSecond: 100}
	rate := func() float64 { return g.allowance(n).rate(l, time.Now()) }
	g.answered(n, 10*time.Millisecond)
	if got := rate(); got != 100 {
		t.Errorf("of a prompt node: got %v a second, want 100", got)
	}
	for range 100 {
		g.answered(n, 800*time.Millisecond)
	}
	if got := rate(); got < 24 || got > 26 {
		t.Errorf("of a node that takes 800 ms: got %v a second, want 25", got)
	}
	for range 100 {
		g.answered(n, time.Minute)
	}
	if got := rate(); got != 10 {
		t.Errorf("of a node that hardly answers: got %v a second, want a tenth", got)
	}
	for range 100 {
		g.answered(n, time.Millisecond)
	}
	if got := rate(); got != 100 {
		t.Errorf("of a node that is prompt again: got %v a second, want 100", got)
	}
}

func TestOneNodesCrowdDoesNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		busy, free, l := new(balancer.Node), new(balancer.Node), Limits{UpgradesPerSecond: 10}
		admitted(t, &g, busy, l, 1000)
		began := time.Now()
		if err := g.wait(t.Context(), inTime(), free, l); err != nil || time.Since(began) != 0 {
			t.Errorf("got %v after %v, want a place at once", err, time.Since(began))
		}
	})
}

func TestTheClientsOfALostNodeComeBackAtARateThatTheOthersTake(t *testing.T) {
	t.Parallel()
	var g governor
	others, l, now := []*balancer.Node{new(balancer.Node), new(balancer.Node)}, Limits{UpgradesPerSecond: 100}, time.Now()
	seconds := make([]int, 8)
	for range 1000 {
		seconds[int(g.hold(others, 3, l, now)/time.Second)]++
	}
	for second, got := range seconds[:4] {
		if got < 195 || got > 205 {
			t.Errorf("second %d: got %d clients told to come back, want about 200", second, got)
		}
	}
	for range 10_000 {
		if got := g.hold(others, 3, l, now); got > longestHold {
			t.Fatalf("got held for %v, want at most %v", got, longestHold)
		}
	}
	if got := g.hold(others, 3, Limits{}, now); got != 0 {
		t.Errorf("without pacing: got held for %v, want not at all", got)
	}
}

func TestWithNoOtherNodeClientsComeBackAsHalfOfAllWouldTakeThem(t *testing.T) {
	f := func(nodes int, want time.Duration) {
		t.Helper()
		var g governor
		longest, now := time.Duration(0), time.Now()
		for range 200 {
			longest = max(longest, g.hold(nil, nodes, Limits{UpgradesPerSecond: 100}, now))
		}
		if longest < want-slotLength || longest > want {
			t.Errorf("of %d nodes: got the last of 200 clients held for %v, want a little less than %v", nodes, longest, want)
		}
	}
	f(1, 2*time.Second)
	f(5, 800*time.Millisecond)
}

func TestANodeThatCameBackAndAnswersPromptlyHasItsRateBackSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g governor
		n, l := new(balancer.Node), Limits{UpgradesPerSecond: 100, SlowStart: time.Hour}
		g.returned(n, time.Now())
		by := time.Now().Add(8 * time.Second)
		var seconds [9]atomic.Int32
		var crowd sync.WaitGroup
		for range 500 {
			crowd.Go(func() {
				began := time.Now()
				if err := g.wait(t.Context(), by, n, l); err != nil {
					t.Error(err)
				}
				seconds[time.Since(began)/time.Second].Add(1)
				g.answered(n, 10*time.Millisecond)
			})
		}
		crowd.Wait()
		first, fifth := seconds[0].Load(), seconds[4].Load()
		if first > 45 || fifth < 85 || fifth > 111 {
			t.Errorf("got %d upgrades in the first second and %d in the fifth, want about 30 and 100", first, fifth)
		}
	})
}

func TestANodeThatCameBackAndAnswersSlowlyIsSparedByItsCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g governor
		n, l := new(balancer.Node), Limits{UpgradesPerSecond: 100, SlowStart: time.Hour}
		g.returned(n, time.Now())
		seconds, refused := admitted(t, &g, n, l, 500)
		if sum := 500 - refused; sum < 150 || sum > 180 {
			t.Errorf("got %d upgrades in 8 s, by the second %v, want about 160: nothing has been answered", sum, seconds)
		}
	})
}

func TestTwoFermatasGiveANodeNoMoreUpgradesThanOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g governor
		n := new(balancer.Node)
		if asked := g.share(n, 0.25); asked != 0 {
			t.Errorf("got %d upgrades that wanted the node, want none yet", asked)
		}
		seconds, _ := admitted(t, &g, n, Limits{UpgradesPerSecond: 100}, 400)
		for second, got := range seconds[:8] {
			if got < 22 || got > 28 {
				t.Errorf("second %d: got %d upgrades, want about 25", second, got)
			}
		}
		g.returned(n, time.Now())
		if asked := g.share(n, 1); asked != 400 {
			t.Errorf("got %d upgrades that wanted the node, want 400", asked)
		}
	})
}
