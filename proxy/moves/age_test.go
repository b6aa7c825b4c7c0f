package moves

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/internal/pusher"
)

// mayGrow has MoveOld run with this age and rate until the test ends.
func (w *crowd) mayGrow(t *testing.T, age time.Duration, rate int) (stopped chan struct{}) {
	t.Helper()
	w.limitAge(age, rate)
	ctx, cancel := context.WithCancel(t.Context())
	stopped = make(chan struct{})
	go func() {
		defer close(stopped)
		w.moves.MoveOld(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-stopped
	})
	return stopped
}

// limitAge is a reload.
func (w *crowd) limitAge(age time.Duration, rate int) {
	w.moves.SetOptions(Options{Answer: 5 * time.Second, MaxAge: age, Rate: rate})
}

func TestClientsThatCameTogetherAreMovedOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 3000)
		start := time.Now()
		w.mayGrow(t, time.Hour, 100)
		time.Sleep(70 * time.Minute)
		gone := w.gone()
		if len(gone) != 3000 || w.codes[pusher.CodeMove] != 3000 {
			t.Fatalf("got %d gone, with the codes %v, want all 3000 with %d", len(gone), w.codes, pusher.CodeMove)
		}
		if first := gone[0].Sub(start); first < time.Hour || first > time.Hour+10*time.Second {
			t.Errorf("got the first one after %s, want an hour", first)
		}
		perMinute := make([]int, 7)
		for _, at := range gone {
			perMinute[min(6, int((at.Sub(start)-time.Hour)/time.Minute))]++
		}
		for minute, got := range perMinute[:6] { // 500 in each, and what a look takes over to the next
			if got < 350 || got > 650 {
				t.Errorf("minute %d behind the hour: got %d, want about 500", minute, got)
			}
		}
		if most := fullestSecond(gone); most > 105 {
			t.Errorf("got %d in one second, want at most 105", most)
		}
	})
}

func TestTheOldAreMovedAtTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 400)
		w.mayGrow(t, 0, 20)
		time.Sleep(24 * time.Hour)
		if got := len(w.gone()); got != 0 {
			t.Fatalf("got %d gone without an age, want none", got)
		}
		start := time.Now()
		w.limitAge(time.Hour, 20)
		time.Sleep(10*time.Second + 50*time.Millisecond)
		if got := len(w.gone()); got < 190 || got > 202 {
			t.Errorf("got %d gone 10s after the reload, want 20 a second", got)
		}
		w.limitAge(time.Hour, 100)
		time.Sleep(time.Second)
		if got := w.perSecond(start)[10]; got < 90 || got > 105 {
			t.Errorf("got %d gone in the next second, want 100", got)
		}
		w.limitAge(0, 100)
		synctest.Wait()
		before := len(w.gone())
		time.Sleep(time.Hour)
		if got := len(w.gone()); got != before {
			t.Errorf("got %d more gone when it was switched off, want none", got-before)
		}
	})
}

func TestAllOfTheOldMayGoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 400)
		time.Sleep(time.Minute)
		w.mayGrow(t, 10*time.Second, 0)
		time.Sleep(2 * longNap)
		if got := len(w.gone()); got != 400 {
			t.Errorf("got %d gone, want all", got)
		}
	})
}

func TestClientsGoSoonAfterTheyAreTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 50)
		start := time.Now()
		w.mayGrow(t, 10*time.Second, 0)
		time.Sleep(11*time.Second + 200*time.Millisecond)
		gone := w.gone()
		if len(gone) != 50 {
			t.Fatalf("got %d gone, want all 50", len(gone))
		}
		if first := gone[0].Sub(start); first < 10*time.Second {
			t.Errorf("got the first one after %s, want none before 10s", first)
		}
	})
}

func TestNobodyIsTooOldWhileNoNodeTakesClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 50)
		pool := w.pool
		if _, err := pool.Drain("reverb-2", balancer.Drain{MinUsable: 1}); err != nil {
			t.Fatal(err)
		}
		pool.SetCheck("reverb-1", balancer.Check{Reason: "dial refused"})
		w.mayGrow(t, time.Second, 100)
		time.Sleep(time.Minute)
		if got := len(w.gone()); got != 0 {
			t.Errorf("got %d gone without a usable node, want none", got)
		}
		pool.SetCheck("reverb-1", balancer.Check{Up: true, Passed: true, Reason: "ok"})
		time.Sleep(2 * time.Second)
		if got := len(w.gone()); got != 50 {
			t.Errorf("got %d gone to the node that they came from, want all", got)
		}
	})
}

func TestWhoIsDrainedIsNotMovedForItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 50)
		if _, err := w.pool.Drain("reverb-1", balancer.Drain{}); err != nil {
			t.Fatal(err)
		}
		w.mayGrow(t, time.Second, 100)
		time.Sleep(time.Minute)
		if got := len(w.gone()); got != 0 {
			t.Errorf("got %d gone, want them left to the drain", got)
		}
	})
}

func TestAStopEndsTheMovingOfTheOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		stopped := w.mayGrow(t, time.Second, 1)
		time.Sleep(10 * time.Second)
		<-w.moves.Stop(Move{Code: pusher.CodeRetry})
		<-stopped
		if w.codes[pusher.CodeMove]+w.codes[pusher.CodeRetry] != 100 {
			t.Errorf("got the codes %v, want each client closed once", w.codes)
		}
	})
}
