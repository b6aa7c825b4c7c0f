package moves

import (
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/internal/pusher"
)

// rebalance moves clients off the crowd's node.
func (w *crowd) rebalance(count, rate int) (moved chan int) {
	moved = make(chan int, 1)
	w.moves.Rebalance([]balancer.Relief{{Node: w.node, Clients: count}}, rate, func(clients int) { moved <- clients })
	return moved
}

// shed is how many clients the crowd's node is still to shed.
func (w *crowd) shed() int { return w.pool.Status(w.node).Shed }

func TestARebalanceKeepsItsRateAndShedsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		start := time.Now()
		if got := <-w.rebalance(40, 20); got != 40 {
			t.Errorf("got %d moved, want 40", got)
		}
		if took := time.Since(start); took < 1900*time.Millisecond || took > 2200*time.Millisecond {
			t.Errorf("got 40 clients at 20/s moved in %s, want 2s", took)
		}
		if most := fullestSecond(w.gone()); most > 21 {
			t.Errorf("got %d in one second, want at most 21", most)
		}
		if w.codes[pusher.CodeMove] != 40 || w.shed() != 40 {
			t.Errorf("got the codes %v and %d to shed, want 40 of each", w.codes, w.shed())
		}
		pick, err := w.pool.Acquire(balancer.Key{Pins: []string{w.pool.Pin(w.node)}})
		if err != nil || pick.Node == w.node || w.shed() != 39 {
			t.Errorf("got %s and %v, %d to shed, want the other node, 39", pick.Node.Name(), err, w.shed())
		}
		pick.Release()
		time.Sleep(comeback + time.Second)
		if got := w.shed(); got != 0 {
			t.Errorf("after %s: got %d to shed, want 0", comeback, got)
		}
	})
}

func TestARebalanceLeavesAloneWhoCameLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 10)
		moved := w.rebalance(10, 10)
		time.Sleep(50 * time.Millisecond)
		late := w.join(t)
		if got := <-moved; got != 10 {
			t.Errorf("got %d moved, want 10", got)
		}
		if late.place == 0 {
			t.Error("got the late client moved, want it left alone")
		}
		<-w.moves.Stop(Move{Code: pusher.CodeRetry})
	})
}

func TestARebalanceEndsWithADrainAndWithAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		moved := w.rebalance(50, 10)
		time.Sleep(time.Second)
		if _, err := w.pool.Drain("reverb-1", balancer.Drain{}); err != nil {
			t.Fatal(err)
		}
		if got := <-moved; got > 11 {
			t.Errorf("got %d moved, want those of before the drain", got)
		}
		w.pool.Undrain("reverb-1")
		again := w.rebalance(50, 10)
		time.Sleep(time.Second)
		<-w.moves.Stop(Move{Code: pusher.CodeRetry})
		if w.shed() != 0 || len(again) > 0 {
			t.Errorf("after the stop: got %d to shed, want 0, and no word of an end", w.shed())
		}
	})
}

func TestARebalanceThatIsEndedMovesNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		w.moves.EndRebalance() // there is none
		wants := func(what string, want bool) {
			t.Helper()
			if got := w.moves.Rebalancing(); got != want {
				t.Errorf("%s: got a rebalance %v, want %v", what, got, want)
			}
		}
		wants("before", false)
		w.rebalance(50, 10)
		time.Sleep(1050 * time.Millisecond)
		wants("under way", true)
		w.moves.EndRebalance()
		synctest.Wait()
		wants("ended", false)
		time.Sleep(time.Minute)
		if got := len(w.gone()); got != 10 || w.shed() != 0 {
			t.Errorf("got %d gone and %d to shed, want the 10 of the first second, and none", got, w.shed())
		}
		<-w.rebalance(5, 0)
		wants("while its last clients come back", true)
		time.Sleep(comeback + time.Second)
		wants("over", false)
	})
}

func TestAllAtOnceIsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		start := time.Now()
		if got := <-w.rebalance(500, 0); got != 500 || time.Since(start) > longNap {
			t.Errorf("got %d moved in %s, want 500 at once", got, time.Since(start))
		}
		<-w.moves.Stop(Move{Code: pusher.CodeRetry})
	})
}
