package relay

import (
	"io"
	"testing"
	"time"
)

// testHeld is about clients that are held open without a node.
func testHeld(t *testing.T, l legs) {
	hold := func(after time.Duration) func(*Pair) {
		return func(p *Pair) {
			loses(p, func() Close { return Close{Code: 4200, Reason: "node lost", By: ByNodeLost, After: after} })
		}
	}
	t.Run("AClientIsHeldBeforeItIsClosed", func(t *testing.T) {
		begin := time.Now()
		r := l.start(t, hold(300*time.Millisecond))
		r.nodeSends(text(unmasked, "last words"))
		r.node.Close()
		r.clientGets(text(unmasked, "last words"))
		r.clientAnswers(4200, "node lost")
		if held := time.Since(begin); held < 300*time.Millisecond {
			t.Errorf("got held for %v, want at least 300ms", held)
		}
		r.wantEnd(ByNodeLost, 4200)
	})
	t.Run("AHeldClientsFramesAreDropped", func(t *testing.T) {
		r := l.start(t, hold(300*time.Millisecond))
		r.node.Close()
		for range 3 {
			r.clientSends(text(masked, "anybody there?"))
		}
		r.clientAnswers(4200, "node lost")
		r.wantEnd(ByNodeLost, 4200)
	})
	t.Run("AHeldClientCanBeClosedEarlier", func(t *testing.T) {
		lost := make(chan struct{})
		r := l.start(t, func(p *Pair) {
			loses(p, func() Close { close(lost); return Close{Code: 4200, By: ByNodeLost, After: time.Hour} })
		})
		r.node.Close()
		<-lost
		r.conn.Close(Close{Code: 4100, Reason: "restarting", By: ByShutdown})
		r.clientAnswers(4100, "restarting")
		r.wantEnd(ByShutdown, 4100)
	})
	t.Run("AHeldClientThatClosesIsAnswered", func(t *testing.T) {
		r := l.start(t, hold(time.Hour))
		r.node.Close()
		r.clientSends(closeFrame(masked, 1000, ""))
		r.clientGets(AppendClose(nil, 1000, ""))
		r.clientIsOver()
		r.wantEnd(ByClient, 1000)
	})
	t.Run("AHeldClientThatLeavesIsOver", func(t *testing.T) {
		r := l.start(t, hold(time.Hour))
		r.node.Close()
		r.client.Close()
		r.wantEnd(ByClient, 0)
	})
	t.Run("AHeldClientsMalformedFrameIsItsEnd", func(t *testing.T) {
		r := l.start(t, hold(time.Hour))
		r.node.Close()
		r.clientSends([]byte{0x8f, 0x80, 0, 0, 0, 0})
		r.clientGets(AppendClose(nil, 1002, "reserved opcode 0xf"))
		r.client.Close()
		r.wantEnd(ByLimit, 1002)
	})
	t.Run("AClientWhoseNodeReadsNothingIsHeldToo", func(t *testing.T) {
		takesSeconds(t)
		begin := time.Now()
		r := l.start(t, func(p *Pair) {
			hold(time.Second)(p)
			p.Options.Stall = 50 * time.Millisecond
		})
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			io.Copy(r.client, endless{binaryOf(masked, bufferSize)})
		}()
		r.clientGets(AppendClose(nil, 4200, "node lost"))
		if held := time.Since(begin); held < time.Second {
			t.Errorf("got held for %v, want at least 1s", held)
		}
		r.client.Close()
		r.node.Close()
		<-streamed
		r.wantEnd(ByTimeout, 4200)
	})
	t.Run("ANodeThatReadsNothingIsHeardWhileItsClientIsHeld", func(t *testing.T) {
		lost, heard := make(chan struct{}), make(chan struct{})
		r := l.start(t, func(p *Pair) {
			p.Options.Stall = 50 * time.Millisecond
			loses(p, func() Close { close(lost); return Close{Code: 4200, By: ByNodeLost, After: time.Hour} })
		})
		streamed := make(chan struct{})
		go func() {
			defer close(streamed)
			for frame := binaryOf(masked, bufferSize); ; {
				select {
				case <-lost:
					<-heard
					r.client.Write(closeFrame(masked, 1000, ""))
					return
				default:
					r.client.Write(frame)
				}
			}
		}()
		<-lost
		r.nodeSends(text(unmasked, "still there"))
		r.clientGets(text(unmasked, "still there"))
		close(heard) // a client that closes sooner need not get it
		r.clientGets(AppendClose(nil, 1000, ""))
		<-streamed
		r.client.Close()
		r.node.Close()
		r.wantEnd(ByClient, 1000)
	})
	t.Run("AHeldClientThatClosesWithinALargeFrameOfItsNodeGetsNothingInside", func(t *testing.T) {
		r := l.start(t, func(p *Pair) {
			hold(time.Hour)(p)
			p.Options.Close = 50 * time.Millisecond
		})
		large := binaryOf(unmasked, 4*bufferSize)
		r.nodeSends(large[:2*bufferSize])
		r.clientGets(large[:2*bufferSize])
		r.node.Close()
		r.clientSends(closeFrame(masked, 1000, ""))
		r.clientIsOver()
		r.wantEnd(ByClient, 1000)
	})
	t.Run("AClientWhoseNodeSendsNonsenseIsHeldToo", func(t *testing.T) {
		r := l.start(t, hold(200*time.Millisecond))
		r.nodeSends([]byte{0x8f, 0})
		r.clientAnswers(4200, "node lost")
		r.node.Close()
		r.wantEnd(ByNodeLost, 4200)
	})
}
