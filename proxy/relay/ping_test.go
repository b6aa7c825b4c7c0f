package relay

import (
	"bytes"
	"net"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pinger is a relay of either engine. fire has it do what it does when
// nothing has passed for Options.Ping; forgive lets the client answer this
// ping in place of those before.
type pinger interface{ fire(forgive bool) }

// fire tries more than once, since toClient, when it has just written, may take
// that for something that passes. It returns when toClient has looked, or does
// not: it may be waiting for the client, or have no node.
func (r *portableRelay) fire(forgive bool) {
	p := r.pings
	before, _ := p.look()
	for range 3 {
		p.mu.Lock()
		if forgive {
			p.known.asked = 0
		}
		p.mu.Unlock()
		p.fire()
		if now, due := r.looked(); due || now.owed != before.owed || r.closing.isEnding() {
			return
		}
	}
}

func (p *portablePings) look() (known pings, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known, p.due
}

// looked waits until toClient has looked whether a ping is to be sent.
func (r *portableRelay) looked() (known pings, due bool) {
	tick, enough := time.NewTicker(time.Millisecond), time.After(500*time.Millisecond)
	defer tick.Stop()
	for known, due = r.pings.look(); due && !r.closing.isEnding(); known, due = r.pings.look() {
		select {
		case <-tick.C:
		case <-enough:
			return known, due
		}
	}
	return known, due
}

// rarely are pings that come only when the test fires them.
func rarely(p *Pair) { p.Options.Ping = time.Hour }

// often are pings that come by themselves. Twice that is as long as the test
// may need for an answer.
func often(p *Pair) { p.Options.Ping = 250 * time.Millisecond }

// clientIsPinged wants our ping next, and returns its payload.
func (r *rig) clientIsPinged() []byte {
	r.t.Helper()
	frame, err := nextFrame(r.client)
	if err != nil || len(frame) != 2+len(token{}) || frame[0] != bitFIN|opPing {
		r.t.Fatalf("got frame % x and error %v, want our ping", abbreviate(frame), err)
	}
	return frame[2:]
}

// ping fires one, and returns its payload.
func (r *rig) ping() []byte {
	r.t.Helper()
	r.conn.(pinger).fire(false)
	return r.clientIsPinged()
}

func pong(payload []byte) []byte { return appendFrame(nil, bitFIN|opPong, masked, payload) }

func testPings(t *testing.T, l legs) {
	t.Run("ASilentClientIsPingedAgainAndAgain", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, often)
		for range 4 {
			r.clientSends(pong(r.clientIsPinged()))
		}
		r.clientSends(text(masked, "x"))
		r.nodeGets(text(masked, "x"))
	})
	t.Run("WithoutTheOptionNobodyIsPinged", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Idle = 300 * time.Millisecond })
		r.clientAnswers(idleClose.Code, idleClose.Reason)
		r.node.Close()
		r.wantEnd(ByTimeout, idleClose.Code)
	})
	t.Run("TheNodeSeesThePongsToItsOwnPingsAlone", func(t *testing.T) {
		r := l.start(t, rarely)
		ours := r.ping()
		its := []byte("eightbyt")
		r.nodeSends(appendFrame(nil, bitFIN|opPing, unmasked, its))
		r.clientGets(appendFrame(nil, bitFIN|opPing, unmasked, its))
		r.clientSends(pong(ours), pong(its), pong(nil), pong(ours))
		r.nodeGets(pong(its), pong(nil), pong(ours)) // the last one was not asked for
	})
	t.Run("APongIsTakenOutHoweverItIsCut", func(t *testing.T) {
		r := l.start(t, rarely)
		for cut := range pong(make([]byte, 8)) {
			answer := pong(r.ping())
			r.clientSends(text(masked, "a"), answer[:cut])
			r.nodeGets(text(masked, "a"))
			r.clientSends(answer[cut:], text(masked, "b"))
			r.nodeGets(text(masked, "b"))
		}
	})
	t.Run("APingMayStandBetweenFragments", func(t *testing.T) {
		r := l.start(t, rarely)
		one, two := appendFrame(nil, opText, unmasked, []byte("one")), appendFrame(nil, bitFIN|opContinuation, unmasked, []byte("two"))
		r.nodeSends(one)
		r.clientGets(one)
		ours := r.ping()
		begun := appendFrame(nil, opText, masked, []byte("begun"))
		r.clientSends(begun, pong(ours), appendFrame(nil, bitFIN|opContinuation, masked, nil))
		r.nodeGets(begun, appendFrame(nil, bitFIN|opContinuation, masked, nil))
		r.nodeSends(two)
		r.clientGets(two)
	})
	t.Run("NoPingStandsInsideOfALargeFrame", func(t *testing.T) {
		r := l.start(t, rarely)
		large := binaryOf(unmasked, 4*bufferSize)
		r.nodeSends(large[:2*bufferSize])
		r.clientGets(large[:2*bufferSize])
		r.conn.(pinger).fire(false)
		r.nodeSends(large[2*bufferSize:])
		r.clientGets(large[2*bufferSize:])
		r.clientSends(pong(r.ping()), text(masked, "x"))
		r.nodeGets(text(masked, "x"))
	})
	t.Run("APongAfterALargeFrameIsTakenOut", func(t *testing.T) {
		r := l.start(t, rarely)
		large := binaryOf(masked, 4*bufferSize)
		ours := r.ping()
		go r.client.Write(join(large, pong(ours), large, pong(ours)))
		r.nodeGets(large, large, pong(ours))
	})
	t.Run("WhileDataWaitsNoPingIsSent", func(t *testing.T) {
		r := l.start(t, rarely)
		stream := bytes.Repeat(binaryOf(unmasked, 5000), 4000)
		go r.node.Write(stream)
		waitUntilStuck(t, r.engine)
		r.conn.(pinger).fire(false)
		r.clientGets(stream)
	})
	t.Run("NoPingFollowsAClose", func(t *testing.T) {
		r := l.start(t, rarely)
		r.conn.Close(Close{Code: 4200, By: ByDrain})
		r.clientGets(AppendClose(nil, 4200, ""))
		r.conn.(pinger).fire(false)
		r.clientSends(closeFrame(masked, 4200, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByDrain, 4200)
	})
	t.Run("AHeldClientIsNotPinged", func(t *testing.T) {
		lost := make(chan struct{})
		r := l.start(t, func(p *Pair) {
			rarely(p)
			loses(p, func() Close { close(lost); return Close{Code: 4200, By: ByNodeLost, After: 300 * time.Millisecond} })
		})
		r.node.Close()
		<-lost
		r.conn.(pinger).fire(false)
		r.clientAnswers(4200, "")
		r.wantEnd(ByNodeLost, 4200)
	})
	testHalfOpen(t, l)
}

// testHalfOpen is about clients that answer no ping.
func testHalfOpen(t *testing.T, l legs) {
	t.Run("AClientThatSaysNothingForTwoPingsIsCut", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, func(p *Pair) { often(p); p.Options.Close = 50 * time.Millisecond })
		r.clientIsPinged()
		r.clientIsPinged()
		r.clientGets(AppendClose(nil, deafClose.Code, deafClose.Reason))
		r.clientIsOver()
		r.nodeIsOver()
		if end := r.wantEnd(ByTimeout, deafClose.Code); end.Err != errDeaf {
			t.Errorf("got error %v, want %v", end.Err, errDeaf)
		}
	})
	t.Run("AnythingIsASignOfLife", func(t *testing.T) {
		r := l.start(t, rarely)
		for range 5 {
			r.ping()
			r.clientSends(text(masked, "x")[:3])
			r.ping()
			r.clientSends(text(masked, "x")[3:])
			r.nodeGets(text(masked, "x"))
		}
	})
	t.Run("WhatTheNodeSendsIsNoSignOfLife", func(t *testing.T) {
		r := l.start(t, rarely)
		for range 2 {
			r.ping()
			r.nodeSends(text(unmasked, "x"))
			r.clientGets(text(unmasked, "x"))
		}
		r.conn.(pinger).fire(false)
		r.clientAnswers(deafClose.Code, deafClose.Reason)
		r.node.Close()
		r.wantEnd(ByTimeout, deafClose.Code)
	})
	t.Run("PongsToUsDoNotKeepAnIdleClient", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, func(p *Pair) { often(p); p.Options.Idle = time.Second })
		for {
			frame, err := nextFrame(r.client)
			if err != nil {
				t.Fatal(err)
			}
			if isClose(frame) {
				break
			}
			r.clientSends(pong(frame[2:]))
		}
		r.clientSends(closeFrame(masked, idleClose.Code, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantEnd(ByTimeout, idleClose.Code)
	})
}

// chat is what one client and its node say: the client's frames, and its
// node's in parts, after some of which the client is pinged.
type chat struct {
	up    [][]byte
	down  [][]byte
	fires []bool
	cuts  []int // of what the client sends
}

func drawChat(t *rapid.T, tok token) (c chat) {
	up := drawFrames(t, masked)
	for i, from := range up.boundaries[:len(up.boundaries)-1] {
		c.up = append(c.up, up.bytes[from:up.boundaries[i+1]])
		if rapid.IntRange(0, 5).Draw(t, "pong") == 0 { // much like ours
			other := tok
			other[rapid.IntRange(0, 7).Draw(t, "at")]++
			c.up = append(c.up, pong(other[:]))
		}
	}
	c.down = cutAnywhere(t, drawFrames(t, unmasked).bytes)
	for range c.down {
		c.fires = append(c.fires, rapid.IntRange(0, 2).Draw(t, "ping") == 0)
	}
	c.cuts = rapid.SliceOfN(rapid.IntRange(1, 40), 1, 50).Draw(t, "cuts")
	return c
}

func TestPingsAndTheirPongsChangeNothingElse(t *testing.T) {
	t.Parallel()
	for name, newEngine := range map[string]func() Engine{"Best": newBest, "Portable": NewPortable} {
		for kind, l := range layouts(t, newEngine) {
			pinged := 0
			t.Run(kind+"/"+name, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) { pinged += l.chat(t, rt) })
				if pinged == 0 {
					t.Error("nobody was pinged in all these runs")
				}
			})
		}
	}
}

// chat relays a chat, in which the client answers each of our pings at its
// next boundary, and checks what arrives. It returns how many pings there were.
func (l legs) chat(t *testing.T, rt *rapid.T) (pinged int) {
	t.Helper()
	engine := l.newEngine()
	c := drawChat(rt, tokenOf(engine))
	clientFar, client := l.clientLeg(t)
	nodeFar, node := l.nodeLeg(t)
	for _, conn := range []net.Conn{clientFar, nodeFar} {
		_ = conn.SetDeadline(time.Now().Add(patience))
	}
	pair := benchPair(client, node)
	rarely(&pair)
	conn := engine.Start(pair)

	owed := make(chan []byte, len(c.down)+1)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.send(clientFar, owed)
	}()
	go func() {
		for i, part := range c.down {
			nodeFar.Write(part)
			if c.fires[i] {
				conn.(pinger).fire(true)
			}
		}
		nodeFar.Write(closeFrame(unmasked, 1000, ""))
	}()
	got := make(chan []byte, 1)
	go func() { got <- readUntilClose(nodeFar, masked) }()

	var down []byte
	for {
		frame, err := nextFrame(clientFar)
		if err != nil {
			rt.Fatalf("after %d bytes: %v", len(down), err)
		}
		if tok := tokenOf(engine); bytes.Equal(frame, tok.ping()) {
			pinged++
			owed <- frame[2:]
			continue
		}
		if down = append(down, frame...); isClose(frame) {
			break
		}
	}
	close(owed)
	<-sent
	if want := join(join(c.down...), closeFrame(unmasked, 1000, "")); !bytes.Equal(down, want) {
		rt.Errorf("the client got %d bytes, want the %d that its node sent", len(down), len(want))
	}
	if up, want := <-got, join(join(c.up...), closeFrame(masked, 1000, "")); !bytes.Equal(up, want) {
		rt.Errorf("the node got %d bytes, want the %d that its client sent", len(up), len(want))
	}
	nodeFar.Close()
	clientFar.Close()
	engine.Wait()
	return pinged
}

// send has the client send its frames, with the pongs that it owes in between
// as it gets to know of them, and a Close frame when owed is closed. It keeps
// some of what it has to send for the next write.
func (c chat) send(to net.Conn, owed <-chan []byte) {
	var kept []byte
	write := func(keep int, frame []byte) {
		b := append(kept, frame...)
		n := max(0, len(b)-keep)
		_, _ = to.Write(b[:n])
		kept = b[n:]
	}
	for i, frame := range c.up {
		keep := c.cuts[i%len(c.cuts)]
		if len(owed) > 0 {
			write(keep, pong(<-owed))
		}
		write(keep, frame)
	}
	for payload := range owed {
		write(3, pong(payload))
	}
	write(0, closeFrame(masked, 1000, ""))
}

// tokenOf is the payload of an engine's pings.
func tokenOf(e Engine) token {
	if p, ok := e.(*Portable); ok {
		return p.token
	}
	return tokenOfBest(e)
}

func TestATokenKnowsItsPong(t *testing.T) {
	tok := newToken()
	f := func(name string, frame []byte, want bool) {
		t.Helper()
		if got := tok.answeredBy(frame); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	other := newToken()
	f("its pong", pong(tok[:]), true)
	f("another's", pong(other[:]), false)
	f("a longer one", pong(append(tok[:], 0)), false)
	f("a shorter one", pong(tok[:7]), false)
	f("an empty one", pong(nil), false)
	f("a ping", appendFrame(nil, bitFIN|opPing, masked, tok[:]), false)
	f("a message", appendFrame(nil, bitFIN|opText, masked, tok[:]), false)
}

func TestPongsAreTakenOutOfWhateverTheGateLetsThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tok := newToken()
		s := drawFrames(t, masked)
		var sent, want []byte
		p := pings{}
		for i, from := range s.boundaries {
			if rapid.Bool().Draw(t, "pong") {
				p.sent()
				sent = append(sent, pong(tok[:])...)
			}
			if i+1 < len(s.boundaries) {
				frame := s.bytes[from:s.boundaries[i+1]]
				sent, want = append(sent, frame...), append(want, frame...)
			}
		}
		var got []byte
		f, space := newFlow(masked), new(buffer)
		for _, part := range cutAnywhere(t, sent) {
			ahead := f.ahead()
			ready, _, bad := f.take(space, copy(space.room(), part))
			if bad != nil {
				t.Fatal(bad)
			}
			got = append(got, p.heard(slices.Clone(ready), ahead, &tok)...)
		}
		if !bytes.Equal(got, want) || p.owed != 0 || p.deaf() {
			t.Errorf("got %d bytes and %d pongs owed, want %d and none", len(got), p.owed, len(want))
		}
	})
}
