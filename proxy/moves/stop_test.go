package moves

import (
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/proxy/relay"
)

var restart = Move{Code: 4100, Reason: "restarting", By: relay.ByShutdown}

func TestAStopTellsEverybodyWithinHalfASecond(t *testing.T) {
	for _, rate := range []int{0, 1, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t, 1000)
			start, how := time.Now(), restart
			how.Rate = rate
			<-w.moves.Stop(how)
			if took := time.Since(start); took > tellWithin+longNap {
				t.Errorf("rate %d: got all gone after %s, want half a second", rate, took)
			}
			if w.codes[4100] != 1000 {
				t.Errorf("rate %d: got the codes %v, want 4100 for all", rate, w.codes)
			}
		})
	}
}

func TestAStopKeepsItsRateUnlessThatWouldTakeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		how := restart
		how.Rate = 4000
		<-w.moves.Stop(how)
		first, last := w.gone()[0], w.gone()[999]
		if took := last.Sub(first); took < 200*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("got 1000 clients gone in %s, want 250ms at 4000 a second", took)
		}
	})
}

func TestAStopWithoutARateTellsEverybodyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		start := time.Now()
		<-w.moves.Stop(restart)
		if took := time.Since(start); took > longNap {
			t.Errorf("got the last one told after %s, want all at once", took)
		}
	})
}

func TestAStopAtASmallRateTellsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		start, how := time.Now(), restart
		how.Rate = 1
		<-w.moves.Stop(how)
		if half := w.gone()[499].Sub(start); half < 200*time.Millisecond || half > 300*time.Millisecond {
			t.Errorf("got half of them told after %s, want about 250ms of the half second", half)
		}
	})
}

func TestAStopTellsClientsAlsoThatNoOtherNodeCanTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 10)
		w.pool.SetCheck("reverb-2", balancer.Check{Reason: "dial refused"})
		start := time.Now()
		<-w.moves.Stop(restart)
		if took := time.Since(start); took > tellWithin || w.codes[4100] != 10 {
			t.Errorf("got the codes %v after %s, want 4100 for all at once", w.codes, took)
		}
	})
}

// It was let in before the stop, and its node has answered since.
func TestAClientThatJoinsAfterAStopIsToldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 3)
		<-w.moves.Stop(restart)
		late := w.join(t)
		if late.place != hasEnded || w.codes[4100] != 4 {
			t.Errorf("got the place %d, the codes %v; want it closed with 4100 as the others were", late.place, w.codes)
		}
		if got := w.pool.Status(w.node).Connections; got != 0 {
			t.Errorf("got %d clients on the node, want none", got)
		}
	})
}

func TestAfterAStopNothingElseMovesClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 20)
		w.drain(1)
		time.Sleep(1500 * time.Millisecond)
		gone := w.moves.Stop(restart)
		w.drain(1000)
		w.rebalance(5, 0)
		w.moves.Stay(w.node)
		<-gone
		if w.codes[4200] != 1 || w.codes[4100] != 19 {
			t.Errorf("got the codes %v, want 4200 for the one before the stop, 4100 for the others", w.codes)
		}
	})
}

func TestClientsThatNoOtherNodeCanTakeGoAtTheDeadlineAndWaitASecond(t *testing.T) {
	f := func(code, want int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t, 10)
			w.pool.SetCheck("reverb-2", balancer.Check{Reason: "dial refused"})
			start, moved := time.Now(), make(chan struct{})
			how := Move{Code: code, By: relay.ByDrain, Rate: 100, Deadline: start.Add(20 * time.Second)}
			w.moves.Move(w.node, how, func() { close(moved) })
			<-moved
			if first := w.gone()[0].Sub(start); first < 15*time.Second {
				t.Errorf("got the first one after %s, want it left until the deadline, but for the 5s to answer", first)
			}
			if w.codes[want] != 10 {
				t.Errorf("asked for %d: got the codes %v, want %d for all", code, w.codes, want)
			}
		})
	}
	f(4200, 4100)
	f(4299, 4100)
	f(4150, 4150)
	f(1012, 1012)
}
