package relay

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// This file is about what a relay is in the middle of when it is handed over.

func TestAFrameMayBeCutAnywhereByAHandOver(t *testing.T) {
	t.Parallel()
	for _, mask := range []bool{masked, unmasked} {
		one, two := appendFrame(nil, opText, mask, []byte("one")), appendFrame(nil, opContinuation, mask, []byte("two"))
		last := appendFrame(nil, bitFIN|opContinuation, mask, []byte("three"))
		for name, frames := range map[string][][]byte{
			"short":           {text(mask, "short")},
			"16-bit length":   {binaryOf(mask, 300)},
			"passes as it is": {binaryOf(mask, 2*bufferSize)},
			"fragments":       {one, two, last},
			"ping between":    {one, appendFrame(nil, bitFIN|opPing, mask, []byte("ping")), last},
			"large fragment":  {appendFrame(nil, opBinary, mask, make([]byte, 100_000)), last},
		} {
			t.Run(name, func(t *testing.T) { cutByHandOvers(t, mask, frames) })
		}
	}
}

// cutByHandOvers sends each frame in two parts, with a hand-over between them, for
// each place within its header and some behind it.
func cutByHandOvers(t *testing.T, mask bool, frames [][]byte) {
	r := legs{newEngine: newBest}.start(t, nil)
	sends, gets, way := r.clientSends, r.nodeGets, (*epollRelay).flowToNode
	if !mask {
		sends, gets, way = r.nodeSends, r.clientGets, (*epollRelay).flowToClient
	}
	other, sent := r.legs.newEngine(), 0
	defer func() { other.Wait() }()
	for at := range 16 {
		for _, frame := range frames {
			cut := min(at, len(frame)-1)
			if at == 15 {
				cut = len(frame) - 1
			}
			sends(frame[:cut])
			sent += cut
			waitUntil(t, func() bool { return look(r, way) == sent })
			from := r.engine
			r.handOverTo(other)
			other = from
			sends(frame[cut:])
			sent += len(frame) - cut
		}
		gets(frames...)
	}
}

// flowToNode is how much has come from the client.
func (c *epollRelay) flowToNode() int   { return int(c.toNode.bytes) + len(c.toNode.held) }
func (c *epollRelay) flowToClient() int { return int(c.toClient.bytes) + len(c.toClient.held) }

func TestAMalformedFrameIsRefusedWhereverAHandOverCutsIt(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, nil)
	r.clientSends([]byte{bitFIN | opText})
	waitUntil(t, func() bool { return look(r, (*epollRelay).flowToNode) == 1 })
	r.handOver()
	r.clientSends([]byte{1}) // has no mask
	r.nodeGets(closeFrame(masked, statusProtocol, "")[:2])
	r.node.Close()
	r.clientGets(AppendClose(nil, statusProtocol, "frame without a mask"))
	r.client.Close()
	r.wantEnd(ByLimit, statusProtocol)
}

// The limit is that of the process that takes over.
func TestAMessageKeepsItsSizeThroughAHandOver(t *testing.T) {
	for name, way := range map[string]struct{ before, after int64 }{
		"as before": {100, 100}, "lowered": {0, 100}, "below what has passed": {0, 50},
	} {
		t.Run(name, func(t *testing.T) {
			r := legs{newEngine: newBest}.start(t, func(p *Pair) { p.Options.MaxMessage = way.before })
			begun := appendFrame(nil, opText, masked, make([]byte, 60))
			r.clientSends(begun)
			r.nodeGets(begun)
			r.pair.Options.MaxMessage = way.after
			r.handOver()
			r.clientSends(appendFrame(nil, bitFIN|opContinuation, masked, make([]byte, 60)))
			r.node.Close()
			if frame, err := nextFrame(r.client); err != nil || !bytes.HasPrefix(frame[2:], []byte{statusTooBig >> 8, statusTooBig & 0xff}) {
				t.Errorf("got %q, %v, want status %d", frame, err, statusTooBig)
			}
			r.client.Close()
			r.wantEnd(ByLimit, statusTooBig)
		})
	}
}

func TestWhatWaitsForASlowReaderIsHandedOver(t *testing.T) {
	t.Parallel()
	for _, mask := range []bool{masked, unmasked} {
		r := legs{newEngine: newBest}.start(t, nil)
		from, to := r.client, r.node
		if !mask {
			from, to = to, from
		}
		const messages = 10_000 // more than the kernel takes for four sockets
		stream := bytes.Repeat(binaryOf(mask, 5000), messages)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			from.Write(stream)
		}()
		queued := func() int { return look(r, func(c *epollRelay) int { return len(c.client.out) + len(c.node.out) }) }
		for range 5 {
			waitUntil(t, func() bool { return queued() > 0 })
			r.handOver()
			slowlyGets(t, to, stream[:2_000_000])
			stream = stream[2_000_000:]
		}
		slowlyGets(t, to, stream)
		<-sent
		r.client.Close()
		r.node.Close()
		if end := r.end(); end.MessagesToNode+end.MessagesToClient != messages {
			t.Errorf("got %+v, want %d messages", end, messages)
		}
	}
}

// A pong to a ping of the process before must not reach the node, one to a ping of the
// node must.
func TestAPongThatIsOwedToTheProcessBeforeStaysWithFermata(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, rarely)
	first := r.ping()
	r.handOver()
	second := r.ping()
	r.handOver()
	r.clientSends(pong([]byte("its own.")), pong(first), text(masked, "a"), pong(second), text(masked, "b"))
	r.nodeGets(pong([]byte("its own.")), text(masked, "a"), text(masked, "b"))
	if look(r, func(c *epollRelay) bool { return c.rare != nil }) {
		t.Error("the relay still keeps something that most have no need of")
	}
	ours := tokenOf(r.engine)
	if third := r.ping(); !bytes.Equal(third, ours[:]) {
		t.Errorf("got a ping of %x, want one of this process, %x", third, ours)
	}
	r.clientSends(pong(first), text(masked, "c")) // which it owes to nobody
	r.nodeGets(pong(first), text(masked, "c"))
}

func TestAClientThatLeavesPingsUnansweredHasNoMoreOfThemAfterAHandOver(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, rarely)
	for range maxAsked {
		r.ping()
		r.handOver()
	}
	r.conn.(pinger).fire(false)
	r.clientAnswers(deafClose.Code, deafClose.Reason)
	r.node.Close()
	r.wantEnd(ByTimeout, deafClose.Code)
}

// Without pings of its own, too, Fermata sees that the client is not idle.
func TestAClientThatOwesAPongToTheProcessBeforeIsNotIdle(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, rarely)
	ours := r.ping()
	r.pair.Options = Options{Stall: patience, Close: patience, Idle: time.Hour}
	r.handOver()
	r.clientSends(pong(ours))
	waitUntil(t, func() bool { return look(r, func(c *epollRelay) bool { return c.pings.owed == 0 }) })
	soon := func(c *epollRelay) ticks { c.idleBy = 1; return c.idle }
	whole := look(r, soon)
	r.clientSends(text(masked, "a"))
	r.nodeGets(text(masked, "a"))
	if left := look(r, func(c *epollRelay) ticks { return c.idleBy - min(c.idleBy, c.shard.time()) }); left < whole/2 {
		t.Errorf("got %d ticks to the end of an idle client, want about %d", left, whole)
	}
}

// How long a client has said nothing is not forgotten.
func TestTimesGoOnThroughAHandOver(t *testing.T) {
	t.Parallel()
	r := legs{newEngine: newBest}.start(t, func(p *Pair) { p.Options.Idle, p.Options.Ping = 2*time.Hour, time.Hour })
	left := func(c *epollRelay) [2]ticks {
		now := c.shard.time()
		return [2]ticks{c.idleBy - now, c.pingBy - now}
	}
	look(r, func(c *epollRelay) error {
		c.idleBy, c.pingBy = c.shard.time()+60_000, c.shard.time()+20_000
		return nil
	})
	for range 3 {
		r.handOver()
		if got := look(r, left); got[0] > 60_010 || got[0] < 50_000 || got[1] > 20_010 || got[1] < 10_000 {
			t.Errorf("got %v ticks to the end of an idle client and to a ping, want about 60000 and 20000", got)
		}
	}
	r.pair.Options.Idle, r.pair.Options.Ping = time.Minute, 0
	r.handOver()
	if got := look(r, left); got[0] > 610 {
		t.Errorf("got %v ticks to the end of an idle client, want no more than its minute", got)
	}
	if pings := look(r, func(c *epollRelay) ticks { return c.pingBy }); pings != 0 {
		t.Errorf("got a ping at %d, want none", pings)
	}
}

func TestAnIdleClientEndsAfterAHandOver(t *testing.T) {
	takesSeconds(t)
	for _, handOver := range []func(*rig){(*rig).handOver, func(r *rig) { r.detach().Resume() }} {
		r := legs{newEngine: newBest}.start(t, func(p *Pair) { p.Options.Idle = time.Second })
		handOver(r)
		r.clientAnswers(idleClose.Code, idleClose.Reason)
		r.node.Close()
		r.wantEnd(ByTimeout, idleClose.Code)
	}
}

func TestAClientThatTakesNothingIsCutAfterAHandOver(t *testing.T) {
	t.Parallel()
	r := legs{newEngine: newBest}.start(t, func(p *Pair) { p.Options.Stall = time.Hour })
	streamed := make(chan struct{})
	go func() {
		defer close(streamed)
		io.Copy(r.node, endless{binaryOf(unmasked, bufferSize)})
	}()
	waitUntilStuck(t, r.engine)
	look(r, func(c *epollRelay) error { c.client.stallBy = c.shard.time() + 5; return nil })
	r.handOver()
	r.wantEnd(ByTimeout, 0)
	<-streamed
}

// Its last words are only those of the last second: on a machine that is busy they may
// be older, and then it says them again.
func TestANodesLastWordsAreHeardAfterAHandOver(t *testing.T) {
	sorry := text(unmasked, "sorry, no")
	for deadline := time.Now().Add(patience); ; {
		var heard string
		r := legs{newEngine: newBest}.start(t, func(p *Pair) {
			p.Owner.(*owner).notable = func(frames []byte) bool { return bytes.Equal(frames, sorry) }
			p.Owner.(*owner).told = func(last string) Close { heard = last; return lostClose }
		})
		r.nodeSends(sorry)
		r.clientGets(sorry)
		r.handOver()
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
		if heard == string(sorry) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want what the node said before the hand-over", heard)
		}
	}
}
