package moves

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// fakeSession is a client that can be moved.
type fakeSession struct {
	fakeConn
	takes   time.Duration // that a transfer does
	fails   string        // its result; empty: it works
	lingers time.Duration // that it still takes when the client has its new node
	lost    bool          // what the last transfer was told of its node
}

func (f *fakeSession) Transfer(ctx context.Context, _ *balancer.Node, lost bool) error {
	f.lost = lost
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return &NotMoved{"stopped", ctx.Err()}
	}
	if f.fails != "" {
		return &NotMoved{f.fails, errors.New(f.fails)}
	}
	w := f.crowd
	pick, err := w.pool.Acquire(balancer.Key{Tried: []*balancer.Node{f.pick.Node}})
	if err != nil {
		return &NotMoved{"no_node", err}
	}
	left := f.pick
	f.pick = pick
	w.moves.Arrive(f.c, pick.Node)
	left.Release()
	time.Sleep(f.lingers)
	return nil
}

// joinSession is one more client, with a session.
func (w *crowd) joinSession(t *testing.T, takes time.Duration, fails string) *Client {
	t.Helper()
	pick, err := w.pool.Acquire(balancer.Key{Pins: []string{w.pool.Pin(w.node)}})
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{Node: pick.Node, Since: time.Now()}
	c.Relay = &fakeSession{fakeConn: fakeConn{crowd: w, c: c, pick: pick}, takes: takes, fails: fails}
	w.moves.Add(c)
	return c
}

func TestADrainClosesNobodyWhoseSessionMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		for range 300 {
			w.joinSession(t, 50*time.Millisecond, "")
		}
		start := time.Now()
		<-w.drain(100)
		if took := time.Since(start); took < 2900*time.Millisecond || took > 4*time.Second {
			t.Errorf("300 clients at 100/s: took %v", took)
		}
		if got := w.moves.Outcome(w.node); got.Moved != 300 || len(got.Closed) != 0 || len(w.gone()) != 0 {
			t.Errorf("got %+v and %d closed, want 300 moved", got, len(w.gone()))
		}
		if nodes := w.pool.Nodes(); nodes[1].Connections != 300 {
			t.Errorf("the other node: got %d clients, want 300", nodes[1].Connections)
		}
	})
}

func TestAClientWhoseSessionDoesNotMoveIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 2)
		w.joinSession(t, time.Second, "timeout")
		w.joinSession(t, time.Second, "")
		<-w.drain(0)
		got := w.moves.Outcome(w.node)
		if got.Moved != 1 || got.Closed["timeout"] != 1 || got.Closed[NoSession] != 2 || w.codes[4200] != 3 {
			t.Errorf("got %+v and the codes %v, want one moved, and 3 closed with 4200", got, w.codes)
		}
	})
}

func TestAClientThatIsToldToGoIsLeavingUntilItHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 2)
		w.hold = time.Second
		moved := w.drain(0)
		time.Sleep(500 * time.Millisecond)
		if got, closed := w.moves.Leaving(w.node), w.moves.Outcome(w.node).ClosedAll(); got != 1 || closed != 1 {
			t.Errorf("got %d that are leaving and %d closed, want the first one", got, closed)
		}
		<-moved
		if got, closed := w.moves.Leaving(w.node), w.moves.Outcome(w.node).ClosedAll(); got != 0 || closed != 2 {
			t.Errorf("got %d that are leaving and %d closed, want 2 that have left", got, closed)
		}
	})
}

func TestOnlyOfALostNodeASessionIsMadeAnew(t *testing.T) {
	for by, want := range map[relay.By]bool{relay.ByNodeLost: true, relay.ByDrain: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t, 0)
			s := w.joinSession(t, 0, "").Relay.(*fakeSession)
			moved := make(chan struct{})
			w.moves.Move(w.node, Move{Code: 4200, By: by}, func() { close(moved) })
			<-moved
			<-w.moves.Stop(Move{Code: 4100, By: relay.ByShutdown, Close: true})
			if s.lost != want {
				t.Errorf("%s: got told that the node is lost %v, want %v", by, s.lost, want)
			}
		})
	}
}

func TestADrainThatIsToCloseMovesNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		w.joinSession(t, 0, "")
		moved := make(chan struct{})
		w.moves.Move(w.node, Move{Code: 4200, By: relay.ByDrain, Close: true}, func() { close(moved) })
		<-moved
		if got := w.moves.Outcome(w.node); got.Moved != 0 || got.Closed[Asked] != 1 || w.codes[4200] != 1 {
			t.Errorf("got %+v, want it closed", got)
		}
	})
}

func TestAllSessionsAtOnceAreAFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		for range 5 * mostTransfers {
			w.joinSession(t, time.Second, "")
		}
		start := time.Now()
		<-w.drain(0)
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("took %v, want five rounds of a second", took)
		}
	})
}

func TestTheDeadlineClosesSessionsWhoseTurnHasNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		for range 3 * mostTransfers {
			w.joinSession(t, time.Minute, "")
		}
		start, moved := time.Now(), make(chan struct{})
		w.moves.Move(w.node, Move{Code: 4200, By: relay.ByDrain, Deadline: start.Add(20 * time.Second)}, func() { close(moved) })
		<-moved
		if took := time.Since(start); took > 20*time.Second || w.codes[4200] != 3*mostTransfers {
			t.Errorf("all gone after %v with the codes %v, want all closed by the deadline", took, w.codes)
		}
	})
}

func TestAnUndrainKeepsTheClientsWhoseTransferFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		for range 2 * mostTransfers {
			w.joinSession(t, time.Second, "timeout")
		}
		w.drain(0)
		time.Sleep(500 * time.Millisecond)
		w.moves.Stay(w.node)
		time.Sleep(time.Minute)
		if closed := len(w.gone()); closed != 0 || w.pool.Nodes()[0].Connections != 2*mostTransfers {
			t.Errorf("got %d closed, want all kept", closed)
		}
		<-w.drain(0)
		if closed := len(w.gone()); closed != 2*mostTransfers {
			t.Errorf("a later drain: got %d closed, want all", closed)
		}
	})
}

func TestAStopClosesClientsThatAreOnTheirWayToAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		for range 2 * mostTransfers {
			w.joinSession(t, time.Minute, "")
		}
		w.drain(0)
		time.Sleep(time.Second)
		start := time.Now()
		<-w.moves.Stop(Move{Code: 4100, By: relay.ByShutdown, Close: true})
		if took := time.Since(start); took > time.Second || w.codes[4100] != 2*mostTransfers {
			t.Errorf("after %v: got the codes %v, want 4100 for all within a second", took, w.codes)
		}
	})
}

func TestARebalanceMovesSessionsAndClosesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		for i := range 20 {
			fails := ""
			if i%2 == 1 {
				fails = "timeout"
			}
			w.joinSession(t, 10*time.Millisecond, fails)
		}
		w.moves.Rebalance([]balancer.Relief{{Node: w.node, Clients: 20}}, 0, func(int) {})
		time.Sleep(time.Second)
		nodes := w.pool.Nodes()
		if closed := len(w.gone()); closed != 0 || nodes[0].Connections != 10 || nodes[1].Connections != 10 || nodes[0].Shed != 0 {
			t.Errorf("got %d closed, and %d and %d clients, want those that can move moved", closed, nodes[0].Connections, nodes[1].Connections)
		}
		if got := w.moves.Outcome(w.node); got.Moved != 0 {
			t.Errorf("got %+v, want the rebalance in no node's outcome", got)
		}
		<-w.moves.Stop(Move{Code: 4100, By: relay.ByShutdown, Close: true})
	})
}

func TestWhoIsToldThatANodeIsEmptyIsToldOfEveryClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		w.joinSession(t, 0, "").Relay.(*fakeSession).lingers = time.Minute
		told := make(chan Outcome, 1)
		w.moves.Move(w.node, Move{Code: 4200, By: relay.ByDrain}, func() { told <- w.moves.Outcome(w.node) })
		if got := <-told; got.Moved != 1 {
			t.Errorf("got %+v, want one moved", got)
		}
		<-w.moves.Stop(Move{Code: 4100, By: relay.ByShutdown, Close: true})
	})
}

func TestAMoveThatIsChangedCountsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 1)
		<-w.drain(0)
		w.joinSession(t, 0, "")
		<-w.drain(0)
		if got := w.moves.Outcome(w.node); got.Moved != 1 || got.Closed[NoSession] != 1 {
			t.Errorf("got %+v, want one moved and one closed", got)
		}
		w.moves.Forget(w.node)
		if got := w.moves.Outcome(w.node); got.Moved != 0 || got.ClosedAll() != 0 {
			t.Errorf("forgotten: got %+v, want nothing", got)
		}
	})
}

func TestAClientWhoseNodeEndsInTheMiddleIsTheRelaysBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t, 0)
		w.joinSession(t, 100*time.Millisecond, Gone)
		w.drain(0)
		time.Sleep(time.Second)
		if closed := len(w.gone()); closed != 0 || w.moves.Clients() > 1 {
			t.Errorf("got %d closed, want none", closed)
		}
		<-w.moves.Stop(Move{Code: 4100, By: relay.ByShutdown, Close: true})
		if w.codes[4100] != 1 {
			t.Errorf("got the codes %v, want 4100 at the stop", w.codes)
		}
	})
}
