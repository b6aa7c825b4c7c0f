package relay

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// woken is who a wheel wakes on its way to a time.
func woken(w *wheel, to ticks) (all []handle) {
	w.advance(to, func(h handle) { all = append(all, h) })
	return all
}

func TestAWheelWakesInTime(t *testing.T) {
	var w wheel
	a, b, c := handle{1, 0}, handle{2, 0}, handle{3, 0}
	for h, at := range map[handle]ticks{a: 10, b: 20, c: 10} {
		if got := w.add(h, 0, at); got != at {
			t.Errorf("add at %d: got %d", at, got)
		}
	}
	if got := woken(&w, 9); len(got) != 0 {
		t.Errorf("at 9: woke %v, want nobody", got)
	}
	got := woken(&w, 10)
	slices.SortFunc(got, func(x, y handle) int { return int(x.index) - int(y.index) })
	if !slices.Equal(got, []handle{a, c}) {
		t.Errorf("at 10: woke %v, want %v and %v", got, a, c)
	}
	if got := woken(&w, 1000); !slices.Equal(got, []handle{b}) || !w.empty() {
		t.Errorf("at 1000: woke %v, want %v", got, b)
	}
}

func TestAWheelWakesWhatIsFarAwayOnceATurn(t *testing.T) {
	var w wheel
	at := w.add(handle{1, 0}, 0, 10*wheelSize)
	if at <= wheelSize/2 || at >= wheelSize {
		t.Errorf("got %d, want about a turn", at)
	}
	if len(woken(&w, at-1)) != 0 || len(woken(&w, at)) != 1 {
		t.Errorf("it did not wake at %d", at)
	}
}

func TestAWheelThatNobodyTurnedWhileItWasEmptyGoesOn(t *testing.T) {
	var w wheel
	if at := w.add(handle{1, 0}, 1_000_000, 1_000_005); at != 1_000_005 {
		t.Errorf("got %d, want 1000005", at)
	}
	if len(woken(&w, 1_000_004)) != 0 || len(woken(&w, 1_000_005)) != 1 {
		t.Error("it did not wake in time")
	}
}

func TestAWheelTellsWhenItWakesNext(t *testing.T) {
	var w wheel
	f := func(what string, want ticks) {
		t.Helper()
		if w.next != want {
			t.Errorf("%s: got %d next, want %d", what, w.next, want)
		}
	}
	w.add(handle{1, 0}, 0, 300)
	f("one", 300)
	w.add(handle{2, 0}, 0, 100)
	f("an earlier one", 100)
	w.add(handle{3, 0}, 0, 200)
	f("one in between", 100)
	woken(&w, 150)
	f("the first has been woken", 200)
	woken(&w, 200)
	f("and the second", 300)
}

func TestWhoeverWakesMayAskAgain(t *testing.T) {
	var w wheel
	w.add(handle{}, 0, 1)
	n := 0
	w.advance(5, func(h handle) { n++; w.add(h, w.now, w.now) })
	if n != 5 || w.waiting != 1 {
		t.Errorf("woke %d times, %d wait; want 5 and 1", n, w.waiting)
	}
}

func TestAWheelForgetsNobodyAndWakesNobodyLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		promised := map[handle]ticks{}
		now := ticks(0)
		for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
			h := handle{index: uint32(i)}
			at := now + ticks(rapid.IntRange(0, 3*wheelSize).Draw(t, "in"))
			promised[h] = w.add(h, now, at)
			if got := promised[h]; got > max(at, now+1) {
				t.Fatalf("asked at %d for %d, got %d", now, at, got)
			}
			now += ticks(rapid.IntRange(0, 2*wheelSize).Draw(t, "turn"))
			w.advance(now, func(h handle) {
				if promised[h] != w.now {
					t.Fatalf("woke %v at %d, promised %d", h, w.now, promised[h])
				}
				delete(promised, h)
			})
			for h, at := range promised {
				if at <= now {
					t.Fatalf("it is %d, and %v was not woken at %d", now, h, at)
				}
			}
			if w.waiting != len(promised) {
				t.Fatalf("got %d waiting, want %d", w.waiting, len(promised))
			}
		}
	})
}

func TestTimesAreRoundedUp(t *testing.T) {
	f := func(d time.Duration, want ticks) {
		t.Helper()
		if got := ticks(7).later(d); got != 7+want {
			t.Errorf("%v later: got %d ticks, want %d", d, got-7, want)
		}
	}
	f(0, 1)
	f(1, 2)
	f(tick, 2)
	f(tick+1, 3)
	f(1<<63-1, 1<<30+1)
}

func TestNeverIsNotEarlier(t *testing.T) {
	f := func(a, b, want ticks) {
		t.Helper()
		if got := a.earlier(b); got != want {
			t.Errorf("the earlier of %d and %d: got %d, want %d", a, b, got, want)
		}
	}
	f(0, 0, 0)
	f(0, 3, 3)
	f(3, 0, 3)
	f(3, 4, 3)
	f(4, 3, 3)
}
