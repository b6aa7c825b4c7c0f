package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// testEngine is what every engine must pass: over TCP and over TLS clients.
func testEngine(t *testing.T, newEngine func() Engine) {
	for name, config := range map[string]*tls.Config{"TCP": nil, "TLS": tlsConfig(t)} {
		l := legs{newEngine: newEngine, tls: config}
		t.Run(name, func(t *testing.T) {
			for _, suite := range []func(*testing.T, legs){
				testPassing, testPeers, testConnClose, testNodeLost, testLastWords, testHeld, testClosing, testMalformed, testAnswers, testProgress, testStalls, testIdle, testPings, testPanics, testEngineState,
			} {
				suite(t, l)
			}
		})
	}
}

func testPassing(t *testing.T, l legs) {
	t.Run("MessagesOfEverySizePass", func(t *testing.T) {
		r := l.start(t, nil)
		for _, n := range []int{0, 1, 125, 126, 127, 1000, bufferSize - 4, bufferSize, 65535, 65536, 1 << 20} {
			up, down := binaryOf(masked, n), binaryOf(unmasked, n)
			go r.client.Write(up)
			r.nodeGets(up)
			go r.node.Write(down)
			r.clientGets(down)
		}
	})
	t.Run("FragmentsPassWithControlFramesBetween", func(t *testing.T) {
		r := l.start(t, nil)
		fragments := func(mask bool) []byte {
			return join(
				appendFrame(nil, opText, mask, []byte("one ")),
				appendFrame(nil, bitFIN|opPing, mask, []byte("ping")),
				appendFrame(nil, opContinuation, mask, []byte("two ")),
				appendFrame(nil, bitFIN|opPong, mask, nil),
				appendFrame(nil, bitFIN|opContinuation, mask, []byte("three")),
				text(mask, "next"))
		}
		r.clientSends(fragments(masked))
		r.nodeGets(fragments(masked))
		r.nodeSends(fragments(unmasked))
		r.clientGets(fragments(unmasked))
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		end := r.wantCleanEnd(ByNodeLost, lostClose.Code)
		if end.MessagesToNode != 2 || end.MessagesToClient != 2 {
			t.Errorf("got %d messages to the node, %d to the client; want 2 of each", end.MessagesToNode, end.MessagesToClient)
		}
	})
	t.Run("AShortStreamPassesHoweverItIsCut", func(t *testing.T) {
		r := l.start(t, nil)
		stream := func(mask bool) []byte {
			return join(text(mask, "a"), binaryOf(mask, 130), appendFrame(nil, bitFIN|opPing, mask, nil))
		}
		up, down := stream(masked), stream(unmasked)
		for i := range up {
			r.clientSends(up[:i])
			r.clientSends(up[i:])
			r.nodeGets(up)
		}
		for i := range down {
			r.nodeSends(down[:i])
			r.nodeSends(down[i:])
			r.clientGets(down)
		}
	})
	t.Run("EarlyBytesGoFirst", func(t *testing.T) {
		up, down := join(text(masked, "early"), text(masked, "cut")), join(text(unmasked, "established"), text(unmasked, "cut"))
		r := l.start(t, func(p *Pair) { p.ToNode, p.ToClient = up[:len(up)-3], down[:len(down)-3] })
		r.nodeGets(text(masked, "early"))
		r.clientGets(text(unmasked, "established"))
		r.clientSends(up[len(up)-3:], text(masked, "later"))
		r.nodeSends(down[len(down)-3:], text(unmasked, "later"))
		r.nodeGets(text(masked, "cut"), text(masked, "later"))
		r.clientGets(text(unmasked, "cut"), text(unmasked, "later"))
	})
	t.Run("TheHeadGoesAheadOfAllAndIsNotCounted", func(t *testing.T) {
		head := []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")
		frames := join(text(unmasked, "established"), text(unmasked, "later"))
		for early := range len(frames) {
			r := l.start(t, func(p *Pair) { p.Head, p.ToClient = bytes.Clone(head), frames[:early] })
			r.nodeSends(frames[early:])
			r.clientGets(head, frames)
			r.node.Close()
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			if end := r.wantCleanEnd(ByNodeLost, lostClose.Code); end.BytesToClient != int64(len(frames)) {
				t.Errorf("got %d bytes to the client, want %d", end.BytesToClient, len(frames))
			}
		}
	})
	t.Run("ManyEarlyBytesPass", func(t *testing.T) {
		down := bytes.Repeat(binaryOf(unmasked, 1000), 200)
		r := l.start(t, func(p *Pair) { p.ToClient = down })
		r.clientGets(down)
	})
}

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
	t.Run("CloseBehindTheNodesOwnIsNotSent", func(t *testing.T) {
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

// waitUntilStuck returns when no byte has passed for a while.
func waitUntilStuck(t *testing.T, e Engine) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last, still := int64(0), 0
	for still < 5 {
		<-tick.C
		if now := e.Totals().BytesToClient; now == last && now > 0 {
			still++
		} else {
			last, still = now, 0
		}
	}
}

func testNodeLost(t *testing.T, l legs) {
	leave := map[string]func(*rig){
		"FIN": func(r *rig) { halfClose(r.t, r.node) },
		"RST": func(r *rig) { reset(r.t, r.node) },
	}
	for name, leave := range leave {
		t.Run("ANodeLostBy"+name+"IsACleanClose", func(t *testing.T) {
			r := l.start(t, nil)
			r.nodeSends(text(unmasked, "last words"))
			r.clientGets(text(unmasked, "last words"))
			leave(r)
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			r.wantEnd(ByNodeLost, lostClose.Code)
		})
		t.Run("ANodeLostBy"+name+"InASmallFrameIsACleanClose", func(t *testing.T) {
			r := l.start(t, nil)
			r.nodeSends(text(unmasked, "whole"), binaryOf(unmasked, 20000)[:7000])
			r.clientGets(text(unmasked, "whole"))
			leave(r)
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			r.wantEnd(ByNodeLost, lostClose.Code)
		})
		t.Run("ANodeLostBy"+name+"InALargeFrameIsCut", func(t *testing.T) {
			r := l.start(t, nil)
			large := binaryOf(unmasked, 4*bufferSize)
			r.nodeSends(large[:2*bufferSize])
			r.clientGets(large[:2*bufferSize])
			leave(r)
			r.clientIsOver()
			if end := r.wantEnd(ByNodeLost, 0); end.Err == nil {
				t.Error("got no error, want one that says that a frame was cut")
			}
		})
	}
	t.Run("ALostNodesLastFramesArriveBeforeTheClose", func(t *testing.T) {
		r := l.start(t, nil)
		many := bytes.Repeat(binaryOf(unmasked, 1000), 500)
		go func() {
			r.node.Write(many)
			r.node.Close()
		}()
		r.clientGets(many)
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
	})
	t.Run("LostSaysWhoAndIsAskedOnce", func(t *testing.T) {
		asked := 0
		r := l.start(t, func(p *Pair) {
			loses(p, func() Close { asked++; return Close{Code: 4100, By: ByShutdown} })
		})
		r.node.Close()
		r.clientAnswers(4100, "")
		r.wantCleanEnd(ByShutdown, 4100)
		if asked != 1 {
			t.Errorf("Lost was asked %d times, want once", asked)
		}
	})
	t.Run("AClientThatDoesNotAnswerAfterItsNodeWasLostIsCut", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		r.node.Close()
		r.clientGets(AppendClose(nil, lostClose.Code, lostClose.Reason))
		r.clientIsOver()
		r.wantEnd(ByNodeLost, lostClose.Code)
	})
}

func testClosing(t *testing.T, l legs) {
	t.Run("TheClientClosesFirst", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(closeFrame(masked, 1000, "bye"), text(masked, "behind"))
		r.nodeGets(closeFrame(masked, 1000, "bye"))
		r.nodeSends(text(unmasked, "crossing"), closeFrame(unmasked, 1000, ""), []byte("behind"))
		r.clientGets(text(unmasked, "crossing"), closeFrame(unmasked, 1000, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByClient, 1000)
	})
	t.Run("AClientWithoutAStatusClosesFirst", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(appendFrame(nil, bitFIN|opClose, masked, nil))
		r.nodeGets(appendFrame(nil, bitFIN|opClose, masked, nil))
		r.nodeSends(AppendClose(nil, 1005, ""))
		r.clientGets(AppendClose(nil, 1005, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByClient, 1005)
	})
	t.Run("AClientIsAnsweredForANodeThatDoesNot", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(closeFrame(masked, 1000, "bye"))
		r.nodeGets(closeFrame(masked, 1000, "bye"))
		r.node.Close()
		r.clientGets(AppendClose(nil, 1000, ""))
		r.clientIsOver()
		r.wantCleanEnd(ByClient, 1000)
	})
	t.Run("TheNodeClosesFirst", func(t *testing.T) {
		r := l.start(t, nil)
		r.nodeSends(text(unmasked, "a"), closeFrame(unmasked, 1009, "too big"))
		r.clientGets(text(unmasked, "a"), closeFrame(unmasked, 1009, "too big"))
		r.clientSends(text(masked, "crossing"), closeFrame(masked, 1009, ""))
		r.nodeGets(text(masked, "crossing"), closeFrame(masked, 1009, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByNode, 1009)
	})
	t.Run("AClientThatHalfClosesGetsTheRest", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(text(masked, "last"))
		halfClose(t, r.client)
		r.nodeGets(text(masked, "last"))
		r.nodeIsOver()
		r.nodeSends(text(unmasked, "the rest"))
		r.node.Close()
		r.clientGets(text(unmasked, "the rest"))
		r.clientIsOver()
		r.wantCleanEnd(ByClient, 0)
	})
	t.Run("AClientThatResetsEndsItsNode", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(text(masked, "a"))
		r.nodeGets(text(masked, "a"))
		reset(t, r.client)
		r.nodeIsOver()
		r.node.Close()
		if end := r.wantEnd(ByClient, 0); end.Err == nil {
			t.Error("got no error, want the reset")
		}
	})
	t.Run("AnEndedClientsNodeIsBounded", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		halfClose(t, r.client)
		r.nodeIsOver()
		r.clientIsOver()
		r.wantEnd(ByClient, 0)
	})
}

func testMalformed(t *testing.T, l legs) {
	for _, c := range malformedByClient() {
		t.Run("TheNodeNeverSees/"+c.name, func(t *testing.T) {
			r := l.start(t, nil)
			r.clientSends(text(masked, "good"), c.before, c.bad, text(masked, "behind"))
			r.nodeGets(text(masked, "good"), c.before, appendMaskedClose(nil, 1002))
			r.nodeSends(closeFrame(unmasked, 1002, ""))
			r.nodeIsOver()
			r.node.Close()
			wantRefused(t, r, 1002)
		})
	}
	t.Run("TheNodeNeverSeesAMessageAboveTheLimit", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.MaxMessage = 100 })
		r.clientSends(binaryOf(masked, 100), binaryOf(masked, 101))
		r.nodeGets(binaryOf(masked, 100), appendMaskedClose(nil, 1009))
		r.node.Close()
		wantRefused(t, r, 1009)
	})
	t.Run("ABadHeaderCutInTwoIsNotPassedOn", func(t *testing.T) {
		r := l.start(t, nil)
		bad := []byte{bitFIN | opText, bitMask | length16, 0, 125}
		r.clientSends(text(masked, "good"), bad[:3])
		r.nodeGets(text(masked, "good"))
		r.clientSends(bad[3:])
		r.nodeGets(appendMaskedClose(nil, 1002))
		r.node.Close()
		wantRefused(t, r, 1002)
	})
	t.Run("ANodesMalformedFrameIsALostNode", func(t *testing.T) {
		r := l.start(t, nil)
		r.nodeSends(text(unmasked, "good"), text(masked, "bad"), text(unmasked, "behind"))
		r.clientGets(text(unmasked, "good"))
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.node.Close()
		end := r.wantEnd(ByNodeLost, lostClose.Code)
		var bad *ProtocolError
		if !errors.As(end.Err, &bad) || bad.Code != 1002 {
			t.Errorf("got error %v, want what was wrong", end.Err)
		}
	})
}

// wantRefused wants the client to be closed for what it has sent.
func wantRefused(t *testing.T, r *rig, code int) {
	t.Helper()
	frame, err := nextFrame(r.client)
	if err != nil || !isClose(frame) || int(frame[2])<<8|int(frame[3]) != code {
		t.Fatalf("got frame % x, error %v; want a Close with %d", frame, err, code)
	}
	r.clientIsOver()
	r.client.Close()
	r.node.Close()
	end := r.wantEnd(ByLimit, code)
	var bad *ProtocolError
	if !errors.As(end.Err, &bad) || bad.Code != code {
		t.Errorf("got error %v, want what was wrong", end.Err)
	}
}

func testStalls(t *testing.T, l legs) {
	t.Run("AClientThatReadsNothingIsCut", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Stall = 50 * time.Millisecond })
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			io.Copy(r.node, endless{binaryOf(unmasked, bufferSize)})
		}()
		if end := r.wantEnd(ByTimeout, 0); end.Err == nil {
			t.Error("got no error, want the timeout")
		}
		<-streamed
	})
	t.Run("AClientWhoseNodeReadsNothingIsClosed", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Stall = 50 * time.Millisecond })
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			io.Copy(r.client, endless{binaryOf(masked, bufferSize)})
		}()
		r.clientGets(AppendClose(nil, lostClose.Code, lostClose.Reason))
		r.client.Close()
		r.node.Close()
		<-streamed
		r.wantEnd(ByTimeout, lostClose.Code)
	})
}

func testIdle(t *testing.T, l legs) {
	t.Run("AnIdleClientIsClosed", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Idle = 50 * time.Millisecond })
		r.clientAnswers(idleClose.Code, idleClose.Reason)
		r.node.Close()
		if end := r.wantEnd(ByTimeout, idleClose.Code); end.Err == nil {
			t.Error("got no error, want one that says that nothing has passed")
		}
	})
}

// endless reads as the same frame again and again.
type endless struct{ frame []byte }

func (e endless) Read([]byte) (int, error) { return 0, errors.New("endless is copied by WriteTo") }

func (e endless) WriteTo(w io.Writer) (n int64, err error) {
	for {
		if _, err := w.Write(e.frame); err != nil {
			return n, err
		}
	}
}

func testEngineState(t *testing.T, l legs) {
	t.Run("TotalsGrowWhileARelayRuns", func(t *testing.T) {
		counts := new(Counts)
		r := l.start(t, func(p *Pair) { p.Counts = counts })
		up, down := text(masked, "up"), text(unmasked, "down")
		r.clientSends(up)
		r.nodeGets(up)
		r.nodeSends(down, down)
		r.clientGets(down, down)
		want := Totals{
			BytesToNode: int64(len(up)), BytesToClient: int64(2 * len(down)),
			MessagesToNode: 1, MessagesToClient: 2,
		}
		waitFor(t, func() bool { return r.engine.Totals() == want && counts.Totals() == want }, func() string {
			return fmt.Sprintf("got totals %+v and the pair's %+v, want %+v", r.engine.Totals(), counts.Totals(), want)
		})
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		end := r.wantCleanEnd(ByNodeLost, lostClose.Code)
		if end.BytesToClient != want.BytesToClient || end.MessagesToClient != 2 || end.MessagesToNode != 1 {
			t.Errorf("got end %+v, want the counts of %+v", end, want)
		}
	})
	t.Run("ManyRelaysEndWithoutAFileLeft", func(t *testing.T) {
		if !alone(t) {
			return
		}
		engine := l.newEngine()
		shared := legs{newEngine: func() Engine { return engine }, tls: l.tls}
		before := openFiles()
		var rigs []*rig
		for range 20 {
			rigs = append(rigs, shared.start(t, nil))
		}
		for i, r := range rigs {
			r.nodeSends(text(unmasked, strings.Repeat("x", i)))
			r.clientGets(text(unmasked, strings.Repeat("x", i)))
			r.conn.Close(Close{Code: 4200, By: ByShutdown})
		}
		for _, r := range rigs {
			r.clientAnswers(4200, "")
			r.client.Close()
			r.node.Close()
		}
		engine.Wait()
		if after := openFiles(); after != before {
			t.Errorf("got %d open files, want %d as before", after, before)
		}
	})
	t.Run("WaitReturnsAtOnceWithoutARelay", func(t *testing.T) {
		l.newEngine().Wait()
	})
}

// waitFor returns once ok is true.
func waitFor(t *testing.T, ok func() bool, message func() string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(message())
		}
	}
}
