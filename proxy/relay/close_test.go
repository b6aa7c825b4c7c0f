package relay

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

func testConnClose(t *testing.T, l legs) {
	drain := Close{Code: 4200, Reason: "drained", By: ByDrain}

	t.Run("CloseReachesAnIdleClient", func(t *testing.T) {
		r := l.start(t, nil)
		r.conn.Close(drain)
		r.clientAnswers(drain.Code, drain.Reason)
		r.nodeGets(closeFrame(masked, drain.Code, ""))
		r.node.Close()
		r.wantCleanEnd(ByDrain, drain.Code)
	})
	t.Run("CloseLetsTheClientGoBeforeASlowNode", func(t *testing.T) {
		r := l.start(t, nil)
		r.conn.Close(drain)
		r.clientAnswers(drain.Code, drain.Reason) // and is over
		r.nodeSends(text(unmasked, "still there"))
		r.nodeGets(closeFrame(masked, drain.Code, ""))
		r.node.Close()
		r.wantCleanEnd(ByDrain, drain.Code)
	})
	t.Run("CloseWaitsForTheEndOfALargeFrame", func(t *testing.T) {
		r := l.start(t, nil)
		large := binaryOf(unmasked, 4*bufferSize)
		half := len(large) / 2
		r.nodeSends(large[:half])
		r.clientGets(large[:bufferSize])
		r.conn.Close(drain)
		r.nodeSends(large[half:])
		r.clientGets(large[bufferSize:])
		r.clientAnswers(drain.Code, drain.Reason)
		r.node.Close()
		r.wantCleanEnd(ByDrain, drain.Code)
	})
	t.Run("CloseDropsASmallFrameThatIsNotWhole", func(t *testing.T) {
		r := l.start(t, nil)
		r.nodeSends(text(unmasked, "whole"), text(unmasked, "not whole")[:5])
		r.clientGets(text(unmasked, "whole"))
		r.conn.Close(drain)
		r.clientAnswers(drain.Code, drain.Reason)
		r.node.Close()
		r.wantCleanEnd(ByDrain, drain.Code)
	})
	t.Run("CloseStandsAtABoundaryWhileDataStreams", func(t *testing.T) {
		for _, size := range []int{10, 3000, 2 * bufferSize} {
			testCloseInStream(t, l, size, drain)
		}
	})
	t.Run("CloseEndsAClientThatDoesNotRead", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			for frame := binaryOf(unmasked, bufferSize); ; {
				if _, err := r.node.Write(frame); err != nil {
					return
				}
			}
		}()
		waitUntilStuck(t, r.engine)
		r.conn.Close(drain)
		if end := r.wantEnd(ByDrain, 0); end.Err == nil {
			t.Error("got no error, want one that says that the client was cut")
		}
		<-streamed
	})
	t.Run("CloseEndsAClientThatDoesNotAnswer", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		r.conn.Close(drain)
		r.clientGets(AppendClose(nil, drain.Code, drain.Reason))
		r.clientIsOver()
		if end := r.wantEnd(ByDrain, drain.Code); end.Err == nil {
			t.Error("got no error, want one that says that the client was cut")
		}
	})
	t.Run("CloseEndsALargeFrameThatDoesNot", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		large := binaryOf(unmasked, 4*bufferSize)
		r.nodeSends(large[:2*bufferSize])
		r.clientGets(large[:2*bufferSize])
		r.conn.Close(drain)
		r.clientIsOver()
		r.wantEnd(ByDrain, 0)
	})
	t.Run("OfManyClosesOneIsSent", func(t *testing.T) {
		r := l.start(t, nil)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { r.conn.Close(Close{Code: 4200 + i, By: ByDrain}) })
		}
		all.Wait()
		frame, err := nextFrame(r.client)
		if err != nil || !isClose(frame) {
			t.Fatalf("got frame % x, error %v; want a Close", frame, err)
		}
		r.clientSends(closeFrame(masked, 4200, ""))
		r.clientIsOver()
		r.node.Close()
		if end := r.end(); end.Code < 4200 || end.Code >= 4220 {
			t.Errorf("got status %d, want one of ours", end.Code)
		}
	})
	t.Run("CloseAfterTheEndDoesNothing", func(t *testing.T) {
		r := l.start(t, nil)
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
		r.conn.Close(drain)
	})
	t.Run("CloseAfterTheNodesOwnIsNotSent", func(t *testing.T) {
		r := l.start(t, nil)
		r.nodeSends(closeFrame(unmasked, 1000, "bye"))
		r.clientGets(closeFrame(unmasked, 1000, "bye"))
		r.conn.Close(drain)
		r.clientSends(closeFrame(masked, 1000, ""))
		r.clientIsOver()
		r.nodeGets(closeFrame(masked, 1000, ""))
		r.node.Close()
		r.wantCleanEnd(ByNode, 1000)
	})
}

// testCloseInStream closes a client while its node sends frames of one size.
func testCloseInStream(t *testing.T, l legs, size int, c Close) {
	r := l.start(t, nil)
	frame := binaryOf(unmasked, size)
	streamed := make(chan struct{})
	go func() {
		defer close(streamed)
		for {
			if _, err := r.node.Write(frame); err != nil {
				return
			}
		}
	}()
	for i := 0; ; i++ {
		got, err := nextFrame(r.client)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if i == 10 {
			r.conn.Close(c)
		}
		if bytes.Equal(got, frame) {
			continue
		}
		if i < 10 || !bytes.Equal(got, AppendClose(nil, c.Code, c.Reason)) {
			t.Fatalf("frame %d: got % x", i, abbreviate(got))
		}
		break
	}
	r.clientSends(closeFrame(masked, c.Code, ""))
	r.clientIsOver()
	r.nodeGets(closeFrame(masked, c.Code, ""))
	r.node.Close()
	<-streamed
	r.wantCleanEnd(c.By, c.Code)
}

// waitUntilStuck returns when no byte has passed for a while, in which all shards had
// their turns. A look that is late does not count: others may have stood still, too, for
// want of a core.
func waitUntilStuck(t *testing.T, e Engine) {
	t.Helper()
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last, still, looked := int64(0), 0, time.Now(); still < 15; {
		<-tick.C
		late := time.Since(looked) > 2*every
		if err := e.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		looked = time.Now()
		switch now := e.Totals().BytesToClient; {
		case now != last || now == 0:
			last, still = now, 0
		case !late:
			still++
		}
	}
}
