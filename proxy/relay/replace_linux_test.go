package relay

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAMovedClientGoesOnAtItsNewNode(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		first, second := new(Counts), new(Counts)
		r := l.start(t, func(p *Pair) { p.Counts = first })
		r.echoes()
		m := r.hold("sync")
		r.nodeGets(appendText(nil, masked, []byte("sync")))
		r.clientSends(text(masked, "for the new node"))
		r.nodeSends(text(unmasked, marker), text(unmasked, "not for this client"))
		m.hears(marker)
		rest := join(text(unmasked, "behind the marker"), text(unmasked, "in two"))
		old := r.moves(func(n *Replacement) {
			n.ToClient, n.ToNode, n.Rest, n.Counts = texts("joined", "left"), texts("settle"), rest[:len(rest)-3], second
		})
		over(t, "the old node", old)
		r.nodeSends(rest[len(rest)-3:], text(unmasked, "event"))
		r.clientGets(text(unmasked, "joined"), text(unmasked, "left"), rest, text(unmasked, "event"))
		r.nodeGets(appendText(nil, masked, []byte("settle")), text(masked, "for the new node"))
		r.echoes()
		m.wantNotAborted()
		counted := func() [4]int64 {
			a, b := first.Totals(), second.Totals()
			return [4]int64{a.MessagesToNode, a.MessagesToClient, b.MessagesToNode, b.MessagesToClient}
		}
		want := [4]int64{2, 1, 3, 6}
		waitFor(t, func() bool { return counted() == want }, func() string { return fmt.Sprintf("got messages %v, want %v", counted(), want) })
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		if end := r.wantCleanEnd(ByNodeLost, lostClose.Code); end.MessagesToNode != 5 || end.MessagesToClient != 7 {
			t.Errorf("got end %+v, want the sums over both nodes: 5 messages and 7", end)
		}
	})
}

func TestHalfAFrameOfAClientGoesToItsNewNode(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		tap := &recorder{}
		var shown []string
		r := l.start(t, func(p *Pair) { tapBy(p, tap) })
		for _, size := range []int{5, 200, 30_000} {
			frame := text(masked, strings.Repeat("x", size))
			for _, cut := range []int{1, 3, len(frame) / 2, len(frame) - 1} {
				r.clientSends(text(masked, "whole"), frame[:cut])
				r.nodeGets(text(masked, "whole"))
				r.hold()
				r.clientSends(frame[cut:])
				r.moves(nil)
				r.nodeGets(frame)
				shown = append(shown, "whole", strings.Repeat("x", size))
			}
		}
		tap.wantShown(r, 0, shown...)
	})
}

// Without a hold the old node is lost: what waits for it is, too.
func TestAClientOfAFrozenNodeGetsAnotherOne(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		r.nodeSends(text(unmasked, "whole"), text(unmasked, "cut")[:3])
		r.clientGets(text(unmasked, "whole"))
		over(t, "the frozen node", r.moves(nil))
		r.echoes()
	})
}

func TestNoNodeIsReplacedInsideOfAFrame(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		up, down := binaryOf(masked, 100_000), binaryOf(unmasked, 100_000)
		r.clientSends(up[:50_000])
		r.nodeGets(up[:50_000])
		if _, err := r.replace(nil); err != errInsideClient {
			t.Errorf("got %v, want %v", err, errInsideClient)
		}
		r.clientSends(up[50_000:])
		r.nodeSends(down[:50_000])
		r.nodeGets(up[50_000:])
		r.clientGets(down[:50_000])
		m := r.hold()
		if _, err := r.replace(nil); err != errInsideNode {
			t.Errorf("got %v, want %v", err, errInsideNode)
		}
		r.nodeSends(down[50_000:], text(unmasked, marker))
		r.clientGets(down[50_000:])
		m.hears(marker)
		r.moves(nil)
		r.echoes()
	})
}

// What a node has of a message in fragments no other node can go on with, nor can a
// client with what it has of one.
func TestNobodyIsMovedInsideOfAMessageInFragments(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		first := func(mask bool) []byte { return appendFrame(nil, opText, mask, []byte("frag")) }
		last := func(mask bool) []byte { return appendFrame(nil, bitFIN|opContinuation, mask, []byte("ments")) }
		r.clientSends(first(masked))
		r.nodeGets(first(masked))
		r.holdLater("between").wantAborted()
		if _, err := r.replace(nil); err != errInsideClient {
			t.Errorf("got %v, want %v", err, errInsideClient)
		}
		r.clientSends(last(masked))
		r.nodeGets(last(masked))
		r.nodeSends(first(unmasked))
		r.clientGets(first(unmasked))
		m := r.hold()
		if _, err := r.replace(nil); err != errInsideNode {
			t.Errorf("got %v, want %v", err, errInsideNode)
		}
		r.nodeSends(last(unmasked), text(unmasked, marker))
		r.clientGets(last(unmasked))
		m.hears(marker)
		r.moves(nil)
		r.echoes()
	})
}

func TestAReplacementOfARelayThatHasEndedIsClosed(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, l legs) {
		if !alone(t) {
			return
		}
		before := openFiles()
		r := l.start(t, nil)
		r.conn.Close(drainedClose)
		if _, err := r.replace(nil); err == nil { // it is ending
			t.Error("got a new node, want an error")
		}
		r.clientAnswers(4200, "drained")
		r.node.Close()
		r.wantCleanEnd(ByDrain, 4200)
		if _, err := r.replace(nil); err == nil {
			t.Error("got a new node, want an error")
		}
		r.engine.Wait()
		r.client.Close()
		if after := openFiles(); after > before+2 { // the far ends are the test's
			t.Errorf("got %d open files, want %d", after, before)
		}
	})
}

func TestAConnectionThatCannotBeANodeIsRefused(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		_, closed := r.legs.anotherNode(t, r.engine)
		closed.Close()
		pipe, _ := net.Pipe()
		for _, node := range []net.Conn{closed, pipe} {
			done := make(chan error, 1)
			r.conn.Replace(Replacement{Node: node, Done: func(err error) { done <- err }})
			if within(t, "Done", done) == nil {
				t.Error("got a new node, want an error")
			}
		}
		r.echoes()
		far, near := tcpLeg(t) // of the net package
		r.moves(func(n *Replacement) { n.Node.Close(); n.Node = near })
		_ = far.SetDeadline(time.Now().Add(patience))
		r.node = far
		t.Cleanup(func() { far.Close() })
		r.echoes()
	})
}

// awaiting are clients that wait for another node.
func awaiting(after time.Duration) (change func(*Pair), lost chan struct{}) {
	lost = make(chan struct{}, 9)
	return func(p *Pair) {
		p.Options.Idle, p.Options.Ping = 50*time.Millisecond, 50*time.Millisecond
		loses(p, func() Close {
			lost <- struct{}{}
			return Close{Code: 4200, Reason: "node lost", By: ByNodeLost, After: after, Await: true}
		})
	}, lost
}

func TestAClientThatAwaitsANodeLosesNothing(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, l legs) {
		change, lost := awaiting(time.Hour)
		r := l.start(t, change)
		c := r.conn.(*epollRelay)
		for range 3 {
			r.node.Close()
			within(t, "NodeLost", lost)
			r.clientSends(text(masked, "one"))
			for range 20 {
				waitForTick(c)
			}
			r.clientSends(text(masked, "two"))
			r.moves(func(n *Replacement) { n.ToNode = texts("again") })
			r.nodeGets(appendText(nil, masked, []byte("again")), text(masked, "one"), text(masked, "two"))
			r.nodeSends(text(unmasked, "subscribed"))
			r.clientGets(text(unmasked, "subscribed"))
		}
	})
}

func TestAClientThatAwaitsANodeInVainIsClosed(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		change, lost := awaiting(300 * time.Millisecond)
		r := l.start(t, change)
		r.node.Close()
		within(t, "NodeLost", lost)
		r.clientSends(text(masked, "anybody there?"))
		r.clientAnswers(4200, "node lost")
		r.wantEnd(ByNodeLost, 4200)
	})
}

func TestAClientThatLeavesAwaitsNoMore(t *testing.T) {
	f := func(name string, leave func(*rig)) {
		t.Run(name, func(t *testing.T) {
			eachClient(t, func(t *testing.T, l legs) {
				change, lost := awaiting(time.Hour)
				r := l.start(t, change)
				r.node.Close()
				within(t, "NodeLost", lost)
				r.clientSends(text(masked, "anybody there?"))
				leave(r)
				if end := r.end(); end.By != ByClient {
					t.Errorf("got end %+v, want one by the client", end)
				}
			})
		})
	}
	f("FIN", func(r *rig) { r.client.Close() })
	f("RST", func(r *rig) { reset(r.t, r.client) })
	f("Close", func(r *rig) {
		r.clientSends(closeFrame(masked, 1001, ""))
		conn := r.client
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn() // whose end nobody needs to decrypt
		}
		halfClose(r.t, conn)
		r.clientGets(AppendClose(nil, 1001, ""))
	})
}

// A frozen node takes nothing for Options.Stall; what it says later is not for
// a client that awaits another one.
func TestAClientOfANodeThatStallsAwaitsAnotherOne(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		change, lost := awaiting(time.Hour)
		r := l.start(t, func(p *Pair) {
			change(p)
			p.Options.Stall, p.Options.Idle, p.Options.Ping = 50*time.Millisecond, 0, 0
		})
		frame := binaryOf(masked, 20_000)
		streamed := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(streamed)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := r.client.Write(frame); err != nil {
					return
				}
			}
		}()
		within(t, "NodeLost", lost)
		old := r.moves(func(n *Replacement) { n.ToNode = texts("again") })
		defer old.Close()
		r.nodeGets(appendText(nil, masked, []byte("again")), frame, frame)
		close(stop)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for b := make([]byte, 1<<16); ; {
				if _, err := r.node.Read(b); err != nil {
					return
				}
			}
		}()
		<-streamed
		r.conn.Close(drainedClose)
		r.clientAnswers(4200, "drained")
		r.node.Close()
		<-drained
		r.wantEnd(ByDrain, 4200)
	})
}
