package moves

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNoSecondSeesMoreThanTheRateAndATwentieth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 3000).Draw(t, "rate")
		now := time.Unix(0, 0)
		p := newPace(rate, now)
		var gone []time.Time
		for range rapid.IntRange(1, 400).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.OneOf(
				rapid.Int64Range(0, int64(30*time.Millisecond)), rapid.Int64Range(0, int64(3*time.Second)),
			).Draw(t, "sleep")))
			if rapid.IntRange(0, 20).Draw(t, "changed") == 0 { // to the same rate: nobody goes for that
				again := newPace(rate, now)
				again.follow(p)
				p = again
			}
			for range p.due(now) {
				gone = append(gone, now)
			}
		}
		if most := fullestSecond(gone); most > rate+rate/20 {
			t.Fatalf("rate %d: got %d in one second", rate, most)
		}
	})
}

// fullestSecond is how many of the times, which are in order, lie in the one
// second that has most of them, wherever it begins.
func fullestSecond(times []time.Time) (most int) {
	first := 0
	for last := range times {
		for times[last].Sub(times[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func TestAPaceMakesUpForSmallDelaysAndNotForPauses(t *testing.T) {
	start := time.Unix(0, 0)
	p := newPace(100, start)
	after := func(at time.Duration, want int) {
		t.Helper()
		if got := p.due(start.Add(at)); got != want {
			t.Errorf("after %s: got %d clients, want %d", at, got, want)
		}
	}
	after(0, 0)
	after(10*time.Millisecond, 1)
	after(19*time.Millisecond, 0)
	after(20*time.Millisecond, 1)
	after(55*time.Millisecond, 3)
	after(60*time.Millisecond, 1)
	after(time.Hour, 6) // five late ones, and the one of now
	after(time.Hour+9*time.Millisecond, 0)
	after(time.Hour+10*time.Millisecond, 1)
}

func TestAPaceAfterAllAtOnceBeginsLikeTheFirst(t *testing.T) {
	start := time.Unix(0, 0)
	p := newPace(100, start)
	p.follow(newPace(0, start))
	if got := p.due(start); got != 0 {
		t.Errorf("got %d clients at once, want the first one after a step", got)
	}
	if got := p.due(start.Add(10 * time.Millisecond)); got != 1 {
		t.Errorf("got %d clients after a step, want 1", got)
	}
}

func TestASlowPaceMakesUpForNothing(t *testing.T) {
	start := time.Unix(0, 0)
	p := newPace(2, start)
	for at, want := range map[time.Duration]int{499 * time.Millisecond: 0, 900 * time.Millisecond: 1, 1399 * time.Millisecond: 0, 1400 * time.Millisecond: 1} {
		q := p
		if at > time.Second {
			q.due(start.Add(900 * time.Millisecond))
		}
		if got := q.due(start.Add(at)); got != want {
			t.Errorf("after %s: got %d clients, want %d", at, got, want)
		}
	}
}

func TestTwoPacesThatShareARateKeepItTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 1000).Draw(t, "rate")
		now := time.Unix(0, 0)
		one, other := newPace(rate, now), newPace(rate, now)
		gone := 0
		for range 40 * 5 { // 20 seconds
			now = now.Add(100 * time.Millisecond)
			share := rapid.Float64Range(0.1, 0.9).Draw(t, "share")
			one.take(share, now)
			other.take(1-share, now)
			gone += one.due(now) + other.due(now)
		}
		if gone > 20*(rate+rate/20)+2 {
			t.Fatalf("got %d in 20 seconds, want no more than %d a second", gone, rate)
		}
	})
}

func TestAPaceWhosePartGrowsDoesNotWaitAsItWouldHave(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPace(10, now)
	p.take(0, now) // one in ten seconds
	now = now.Add(5 * time.Second)
	p.take(1, now) // half of the wait is over
	if early, due := p.due(now.Add(40*time.Millisecond)), p.due(now.Add(60*time.Millisecond)); early != 0 || due != 1 {
		t.Errorf("got %d and %d clients, want none before 50 ms and one then", early, due)
	}
	all := newPace(0, now)
	all.take(0.5, now)
	if got := all.due(now); got != math.MaxInt {
		t.Errorf("got %d, want all at once whatever the part is", got)
	}
}
