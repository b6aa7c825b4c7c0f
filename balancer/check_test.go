package balancer

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// checkup feeds a pool with checks, each so many milliseconds after the start.
type checkup struct {
	t interface {
		Helper()
		Errorf(string, ...any)
	}
	*Pool
}

func at(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }

func (c checkup) passes(name string, ms int) Change {
	return c.SetCheck(name, Check{Up: true, Passed: true, Began: at(ms - 1), Ended: at(ms)})
}

func (c checkup) fails(name string, ms int, up bool) Change {
	return c.SetCheck(name, Check{Up: up, Began: at(ms - 1), Ended: at(ms)})
}

func (c checkup) refuses(name string, ms int, up bool) Change {
	return c.SetCheck(name, Check{Up: up, Gone: true, Began: at(ms - 1), Ended: at(ms)})
}

// rises passes a check of a node that is not up by it.
func (c checkup) rises(name string, ms int) Change {
	return c.SetCheck(name, Check{Passed: true, Began: at(ms - 1), Ended: at(ms)})
}

func (c checkup) wantLost(what string, want ...string) {
	c.t.Helper()
	var lost []string
	for _, n := range c.Nodes() {
		if n.Lost {
			lost = append(lost, n.Name)
		}
	}
	if fmt.Sprint(lost) != fmt.Sprint(want) {
		c.t.Errorf("%s: got clients of %v moved, want those of %v", what, lost, want)
	}
}

// checked is a pool of which all nodes have just passed a check.
func checked(t *testing.T, names ...string) checkup {
	c := checkup{t, New(nodes(names...), DefaultSticky())}
	c.SetPanic(50, 3*time.Second)
	for _, name := range names {
		c.passes(name, 0)
	}
	return c
}

func TestClientsStayUntilItIsClearThatTheirNodeFailsAlone(t *testing.T) {
	c := checked(t, "a", "b", "c")
	c.fails("a", 1000, true)
	c.fails("a", 2000, false)
	c.wantLost("the others may fail, too")
	c.passes("b", 2100)
	c.wantLost("a and c are 2 of 3")
	c.passes("c", 2200)
	c.wantLost("both others are well", "a")
	if got := c.Unsettled().Nodes; len(got) != 1 || got[0].Name != "a" || !got[0].Lost {
		t.Errorf("got %+v unsettled, want a, which is lost", got)
	}
	if got := c.Unsettled().Nodes; got != nil {
		t.Errorf("got %+v unsettled, want none a second time", got)
	}
	c.fails("b", 2300, true)
	c.wantLost("what was decided stays", "a")
	c.passes("a", 2400)
	c.wantLost("it is up")
}

func TestAPanicIsToldOnceAndSoIsItsEnd(t *testing.T) {
	c := checked(t, "a", "b")
	wantTold := func(what string, panic, over bool) {
		t.Helper()
		if got := c.Unsettled(); got.Panic != panic || got.PanicOver != over {
			t.Errorf("%s: got panic %v and its end %v, want %v and %v", what, got.Panic, got.PanicOver, panic, over)
		}
	}
	wantTold("all are up", false, false)
	c.fails("a", 1000, false)
	c.fails("b", 1100, false)
	wantTold("both are down", true, false)
	wantTold("nothing has changed", false, false)
	c.passes("a", 2000)
	c.fails("a", 3000, false)
	wantTold("it ended and began again, unseen", false, false)
	if _, err := c.Drain("a", Drain{Force: true}); err != nil {
		t.Fatal(err)
	}
	c.SetPanic(0, 0)
	wantTold("a configuration has ended it", false, true)
	wantTold("nothing has changed since", false, false)
}

func TestHowLongANodeTakesToAnswerIsKnownFromItsLastCheck(t *testing.T) {
	p := New(nodes("a"), DefaultSticky())
	check := func(what string, c Check, want time.Duration) {
		t.Helper()
		p.SetCheck("a", c)
		if got, _ := p.Node("a"); got.Loop != want {
			t.Errorf("%s: got %s, want %s", what, got.Loop, want)
		}
	}
	check("it passes", Check{Up: true, Passed: true, Began: at(0), Ended: at(5), Loop: 4 * time.Millisecond}, 4*time.Millisecond)
	check("a client's dial fails", Check{Up: true, Began: at(6), Ended: at(6)}, 4*time.Millisecond)
	check("it fails", Check{Up: true, Began: at(10), Ended: at(15)}, 0)
}

func TestClientsGoAtOnceWhenTheOthersWereCheckedMeanwhile(t *testing.T) {
	c := checked(t, "a", "b", "c")
	if change := c.fails("a", 1000, true); !change.Doubted || change.Down {
		t.Errorf("got %+v, want a doubt", change)
	}
	c.passes("b", 1010)
	c.passes("c", 1020)
	if change := c.fails("a", 2000, false); change.Doubted || !change.Down || change.Up {
		t.Errorf("got %+v, want that it went down", change)
	}
	c.wantLost("all others passed since it failed", "a")
	if change := c.passes("a", 3000); !change.Up || change.Down || change.Node != node(t, c.Pool, "a") {
		t.Errorf("got %+v, want that it came up", change)
	}
}

func TestClientsDoNotStayForLongBecauseAnotherNodeIsNotChecked(t *testing.T) {
	c := checked(t, "a", "b", "c")
	c.fails("a", 2000, false)
	c.fails("a", 4900, false)
	c.wantLost("b and c may fail, too")
	c.fails("a", 5000, false)
	c.wantLost("after 3s", "a")
}

func TestClientsOfANodeWhereNobodyListensGoAtOnce(t *testing.T) {
	c := checked(t, "a", "b", "c")
	c.refuses("a", 1000, false)
	c.wantLost("a refused dial is certain", "a")
}

func TestWithFiveNodesOneMayStillBeUnchecked(t *testing.T) {
	c := checked(t, "a", "b", "c", "d", "e")
	c.fails("a", 1000, false)
	c.passes("b", 1100)
	c.wantLost("4 of 5 may fail")
	c.passes("c", 1200)
	c.passes("d", 1300)
	c.wantLost("2 of 5 is no panic", "a")
}

func TestChecksThatAreAlwaysBelievedAreWaitedForByNobody(t *testing.T) {
	c := checked(t, "a", "b")
	c.SetPanic(0, 3*time.Second)
	c.fails("a", 1000, false)
	c.wantLost("there is no panic", "a")
}

func TestOneFrozenAndOneRefusingNodeAreNoPanicNotEvenForAMoment(t *testing.T) {
	c := checked(t, "a", "b", "c")
	step := 1000
	then := func(what string, check func(string, int) Change, name string) {
		t.Helper()
		step += 100
		check(name, step)
		if c.Panicking() {
			t.Errorf("%s: got a panic", what)
		}
	}
	down := func(how func(string, int, bool) Change) func(string, int) Change {
		return func(name string, ms int) Change { return how(name, ms, false) }
	}
	then("a froze", down(c.fails), "a")
	then("b is well", c.passes, "b")
	then("c is well", c.passes, "c")
	then("nobody listens at b", down(c.refuses), "b")
	c.wantLost("c is well", "a", "b")
	then("b listens again", c.rises, "b")
	then("b is gone again", down(c.refuses), "b")
	then("b listens again", c.rises, "b")
	then("b is up", c.passes, "b")
	c.wantLost("b is up", "a")
}

func TestANodeThatHasJustBegunToListenIsBetterThanNone(t *testing.T) {
	c := checked(t, "a", "b")
	c.refuses("a", 1000, false)
	c.refuses("b", 1000, false)
	if _, err := c.Acquire(client(1)); err == nil {
		t.Error("got a node where nobody listens")
	}
	c.rises("b", 2000)
	if pick, err := c.Acquire(client(1)); err != nil || pick.Node.Name() != "b" {
		t.Errorf("got %v and %v, want b, which has passed a check", pick.Node, err)
	}
	if n, err := c.Next(Demand{}); err != nil || n.Name() != "b" {
		t.Errorf("for a plain request: got %v and %v, want b", n, err)
	}
	c.passes("a", 3000)
	if pick, err := c.Acquire(client(2)); err != nil || pick.Node.Name() != "a" {
		t.Errorf("got %v and %v, want a, which is up", pick.Node, err)
	}
}

// Whenever the checks of all nodes begin to fail at one moment, in whatever
// order that is found out, nobody is moved because of them. The checks here are
// an interval of a second apart, those that doubt half of it, and the first
// failure of each node brings the checks of those forward that have none.
func TestNobodyIsMovedWhenAllChecksFailTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(2, 5).Draw(t, "nodes")]
		fall := rapid.IntRange(1, 4).Draw(t, "fall")
		c := checkup{t, New(nodes(all...), DefaultSticky())}
		c.SetPanic(rapid.SampledFrom([]int{1, 50, 60}).Draw(t, "threshold"), 2*time.Second)
		next, failed := map[string]int{}, map[string]int{}
		for _, name := range all {
			next[name] = rapid.IntRange(0, 1100).Draw(t, "first")
		}
		outage := 5000
		for now := 0; now < outage+10_000; now++ {
			for _, name := range all {
				if next[name] > now {
					continue
				}
				next[name] = now + rapid.IntRange(900, 1100).Draw(t, "gap")
				if now < outage {
					c.passes(name, now)
					continue
				}
				failed[name]++
				if change := c.fails(name, now, failed[name] < fall); change.Doubted {
					for _, other := range all {
						if other != name && failed[other] == 0 {
							next[other] = now + 1
						}
					}
				}
				if failed[name] < fall {
					next[name] = now + rapid.IntRange(450, 550).Draw(t, "gap")
				}
				c.wantLost("all checks fail")
			}
		}
		if !c.Panicking() {
			t.Errorf("got no panic with %v down", failed)
		}
	})
}
