package moves

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/internal/pusher"
)

// bind has so many clients be ones that no other process can take over.
func (w *crowd) bind(count int) {
	for _, c := range w.moves.Lend(count) {
		w.moves.Bind(c)
	}
}

// departs has Depart run until the test ends, or stop is called.
func (w *crowd) departs(t *testing.T, d time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		w.moves.Depart(ctx, d)
	}()
	stop = func() {
		cancel()
		<-over
	}
	t.Cleanup(stop)
	return stop
}

func TestClientsThatStayAreClosedEvenlyOverTheTimeForIt(t *testing.T) {
	for _, count := range []int{3, 100, 3000} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t, count+50)
			w.bind(count)
			start := time.Now()
			w.departs(t, 10*time.Minute)
			time.Sleep(10*time.Minute - time.Second)
			perMinute := make([]int, 10)
			for _, at := range w.gone() {
				perMinute[int(at.Sub(start)/time.Minute)]++
			}
			for minute, got := range perMinute {
				if want, about := count/10, max(1, count/500); got < want-about || got > want+about {
					t.Errorf("minute %d of %d clients: got %d closed, want about %d", minute, count, got, want)
				}
			}
			if got := w.moves.Clients() - w.moves.Bound(); got != 50 {
				t.Errorf("got %d left that might be taken over, want all 50", got)
			}
			time.Sleep(2 * time.Second)
			if got := len(w.gone()); got != count+50 || w.codes[pusher.CodeMove] != got || w.moves.Clients() != 0 {
				t.Errorf("got %d closed by the end, with the codes %v, want all %d with %d", got, w.codes, count+50, pusher.CodeMove)
			}
		})
	}
}

func TestAClientThatIsFoundToStayGoesInTheTimeThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1000)
		w.departs(t, time.Minute)
		time.Sleep(30 * time.Second)
		if got := len(w.gone()); got != 0 {
			t.Fatalf("got %d closed that might be taken over, want none", got)
		}
		w.bind(600)
		time.Sleep(15 * time.Second)
		if got := len(w.gone()); got < 270 || got > 310 {
			t.Errorf("got %d closed in half of the time that is left, want about 300", got)
		}
	})
}

func TestWithoutATimeForItNobodyIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 5)
		w.bind(3)
		w.moves.Depart(t.Context(), 0)
		if got := len(w.gone()); got != 0 || w.moves.Clients() != 5 {
			t.Errorf("got %d closed, want none", got)
		}
	})
}

func TestNobodyIsClosedForAnUpgradeWhoWouldFindNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		w.bind(100)
		w.down(true)
		w.departs(t, time.Minute)
		time.Sleep(30 * time.Second)
		if got := len(w.gone()); got != 0 {
			t.Fatalf("got %d closed while all nodes are down, want none", got)
		}
		w.down(false)
		time.Sleep(15 * time.Second)
		if got := len(w.gone()); got < 48 || got > 52 {
			t.Errorf("got %d closed in half of the time that is left, want 50", got)
		}
		w.down(true)
		time.Sleep(16 * time.Second)
		if left := 100 - len(w.gone()); left != 0 || w.codes[pusher.CodeRetry] < 48 {
			t.Errorf("got %d left and the codes %v, want all closed, the last half to wait", left, w.codes)
		}
	})
}

func (w *crowd) down(down bool) {
	for _, n := range w.pool.Nodes() {
		w.pool.SetCheck(n.Name, balancer.Check{Up: !down, Passed: !down, Gone: down})
	}
}

func TestADrainGoesOnBesideADeparture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 100)
		w.bind(50)
		stop := w.departs(t, time.Hour)
		<-w.drain(100)
		stop()
		if got := len(w.gone()); got != 100 {
			t.Errorf("got %d closed, want 100, each once", got)
		}
	})
}

func TestAStopEndsADeparture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 10)
		w.bind(10)
		over := make(chan struct{})
		go func() {
			defer close(over)
			w.moves.Depart(context.Background(), time.Hour)
		}()
		<-w.moves.Stop(restart)
		<-over
		if got := len(w.gone()); got != 10 || w.codes[4100] != 10 {
			t.Errorf("got %d closed with the codes %v, want 10 with 4100", got, w.codes)
		}
	})
}

func TestAClientIsNobodysBusinessWhileItIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 10)
		lent := w.moves.Lend(4)
		w.moves.Remove(lent[0]) // it ends
		lent[0].Relay.(*fakeConn).pick.Release()
		moved := w.drain(0)
		time.Sleep(time.Second)
		if got := len(w.gone()); got != 6 {
			t.Errorf("got %d closed by a drain, want the 6 that are not lent", got)
		}
		for _, c := range lent {
			w.moves.Add(c)
		}
		<-moved
		if got := len(w.gone()); got != 9 {
			t.Errorf("got %d closed, want those too that came back", got)
		}
	})
}
