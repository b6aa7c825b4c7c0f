package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAHoldThatIsGivenUpHasNeverBeen(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		for range 3 {
			r.clientSends(text(masked, "before"))
			r.nodeGets(text(masked, "before"))
			m := r.hold("sync", "list")
			r.nodeGets(appendText(nil, masked, []byte("sync")), appendText(nil, masked, []byte("list")))
			r.clientSends(text(masked, "while held"))
			r.nodeSends(text(unmasked, "a"), text(unmasked, secret), text(unmasked, "b"), binaryOf(unmasked, 9), text(unmasked, marker), text(unmasked, "behind"))
			r.clientGets(text(unmasked, "a"), text(unmasked, "b"), binaryOf(unmasked, 9))
			m.hears("a", secret, "b", marker)
			r.nodeSends(text(unmasked, "later"))
			r.conn.Resume(texts("undo"))
			r.clientGets(text(unmasked, "behind"), text(unmasked, "later"))
			r.nodeSends(text(unmasked, marker)) // the answer to undo
			r.nodeGets(appendText(nil, masked, []byte("undo")), text(masked, "while held"))
			m.wantNotAborted()
		}
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		end := r.wantCleanEnd(ByNodeLost, lostClose.Code)
		if end.MessagesToNode != 3*5 || end.MessagesToClient != 3*5 {
			t.Errorf("got %d messages to the node and %d to the client, want 15 and 15", end.MessagesToNode, end.MessagesToClient)
		}
	})
}

// What a TLS client has sent behind its large frame may be in crypto/tls already.
func TestAHoldWaitsForTheEndOfAClientsLargeFrame(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		for _, size := range []int{2 * bufferSize, 3*bufferSize + 1, 300_000} {
			large := text(masked, strings.Repeat("x", size))
			half := len(large) - bufferSize/2
			go r.client.Write(large[:half])
			r.nodeGets(large[:half])
			m := r.holdLater("sync")
			behind := join(text(masked, "behind"), text(masked, "cut"))
			go r.client.Write(join(large[half:], behind[:len(behind)-2]))
			within(t, "Begin", m.begun)
			r.nodeGets(large[half:], appendText(nil, masked, []byte("sync")))
			r.conn.Resume(texts("undo"))
			r.nodeGets(appendText(nil, masked, []byte("undo")), text(masked, "behind"))
			r.clientSends(behind[len(behind)-2:])
			r.nodeGets(text(masked, "cut"))
		}
	})
}

func TestAHoldThatHasNotBegunCanBeGivenUp(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		large := text(masked, strings.Repeat("x", 3*bufferSize))
		r.clientSends(large[:2*bufferSize])
		r.nodeGets(large[:2*bufferSize])
		m := r.holdLater("sync")
		r.conn.Resume(texts("undo"))
		r.clientSends(large[2*bufferSize:], text(masked, "behind"))
		r.nodeGets(large[2*bufferSize:], text(masked, "behind"))
		m.wantNotAborted()
		if len(m.begun) > 0 {
			t.Error("Begin was called, want not")
		}
	})
}

func TestAFrameOfTheNodeIsShownWholeUpToTheBound(t *testing.T) {
	fits, larger := strings.Repeat("f", 200_000-10), strings.Repeat("l", 200_000)
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		begun := binaryOf(unmasked, 100_000)
		r.nodeSends(begun[:70_000])
		r.clientGets(begun[:70_000])
		m := r.hold()
		go r.node.Write(join(begun[70_000:], text(unmasked, fits), text(unmasked, "a"), text(unmasked, larger), text(unmasked, fits[:100_000]), text(unmasked, marker), text(unmasked, fits)))
		r.clientGets(begun[70_000:], text(unmasked, fits), text(unmasked, "a"), text(unmasked, larger), text(unmasked, fits[:100_000]))
		m.hears(fits, "a", fits[:100_000], marker)
		r.conn.Resume(nil)
		r.clientGets(text(unmasked, fits))
	})
}

// A node may be slow to answer what a mover has sent it.
func TestAnAnswerThatComesAfterTheHoldIsHiddenToo(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		late := r.hold("sync")
		r.conn.Resume(texts("undo"))
		r.nodeSends(text(unmasked, secret), text(unmasked, "a"))
		r.clientGets(text(unmasked, "a"))
		r.hold("sync")
		r.conn.Resume(texts("undo"))
		third := r.hold("sync")
		large := text(unmasked, strings.Repeat("x", 100_000))
		r.nodeSends(text(unmasked, "b"), text(unmasked, secret), large[:60_000])
		r.clientGets(text(unmasked, "b"))
		third.hears("b") // what was hidden before is not for it
		r.nodeSends(large[60_000:], text(unmasked, marker), text(unmasked, "behind"))
		r.clientGets(large)
		late.hears(secret, "a", "b", secret, strings.Repeat("x", 100_000), marker)
		third.hears(strings.Repeat("x", 100_000))
		r.nodeSends(text(unmasked, marker)) // of the second
		r.clientGets(text(unmasked, "behind"))
		r.nodeSends(text(unmasked, marker))
		third.hears("behind", marker)
		late.wantNotAborted()
		r.conn.Resume(nil)
		r.nodeSends(text(unmasked, marker))
		r.clientGets(text(unmasked, marker)) // nobody hears any more
		sync, undo := appendText(nil, masked, []byte("sync")), appendText(nil, masked, []byte("undo"))
		r.nodeGets(sync, undo, sync, undo, sync)
		r.echoes()
	})
}

// What has come of a frame by the end of a hold may be more than else is held.
func TestAFrameThatIsNotWholeAtTheEndOfAHoldComesOut(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		for _, size := range []int{10, 200, 40_000, 150_000} {
			frame := text(unmasked, strings.Repeat("x", size))
			for _, cut := range []int{1, 3, len(frame) / 2, len(frame) - 1} {
				left := 0
				r.nodeSends(frame[:cut])
				if size > bufferSize && cut > 10 { // it passes as it comes
					left = cut
				}
				r.clientGets(frame[:left])
				m := r.hold()
				r.nodeSends(frame[cut:], text(unmasked, "a"), text(unmasked, marker), frame[:cut])
				r.clientGets(frame[left:], text(unmasked, "a"))
				if left == 0 {
					m.hears(strings.Repeat("x", size))
				}
				m.hears("a", marker)
				r.conn.Resume(nil)
				r.nodeSends(frame[cut:])
				r.clientGets(frame)
			}
		}
	})
}

func TestAHoldIsAbortedByWhateverEndsTheRelay(t *testing.T) {
	f := func(name string, end func(*rig, *trip), after func(*rig), by By, code int) {
		t.Run(name, func(t *testing.T) {
			eachClient(t, func(t *testing.T, l legs) {
				r := l.start(t, nil)
				m := r.hold("sync")
				r.nodeGets(appendText(nil, masked, []byte("sync")))
				end(r, m)
				m.wantAborted()
				after(r)
				r.wantEnd(by, code)
			})
		})
	}
	nothing := func(*rig) {}
	gone := func(r *rig) { r.client.Close(); r.node.Close() }
	answers := func(code int, reason string) func(*rig) {
		return func(r *rig) { r.clientAnswers(code, reason); r.node.Close() }
	}
	f("Close", func(r *rig, _ *trip) { r.conn.Close(drainedClose) }, answers(4200, "drained"), ByDrain, 4200)
	f("Cut", func(r *rig, _ *trip) { r.engine.Cut() }, nothing, ByShutdown, 0)
	f("NodeFIN", func(r *rig, _ *trip) { r.node.Close() }, answers(lostClose.Code, lostClose.Reason), ByNodeLost, lostClose.Code)
	f("NodeRST", func(r *rig, _ *trip) { reset(r.t, r.node) }, answers(lostClose.Code, lostClose.Reason), ByNodeLost, lostClose.Code)
	f("NodeClose", func(r *rig, _ *trip) { r.nodeSends(closeFrame(unmasked, 4009, "no")) }, answers(4009, "no"), ByNode, 4009)
	f("NodeNonsense", func(r *rig, _ *trip) { r.nodeSends([]byte{0x8f, 0}) }, answers(lostClose.Code, lostClose.Reason), ByNodeLost, lostClose.Code)
	f("NodeFrameTooLong", func(r *rig, _ *trip) { r.nodeSends([]byte{0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255}) }, answers(lostClose.Code, lostClose.Reason), ByNodeLost, lostClose.Code)
	f("ClientRST", func(r *rig, m *trip) {
		reset(r.t, r.client)
		waitUntil(r.t, func() bool { // what it is sent tells
			r.nodeSends(text(unmasked, "anybody there?"))
			return len(m.aborted) > 0
		})
	}, gone, ByClient, 0)
}

func TestAHeldClientThatEndsIsOverAfterTheHold(t *testing.T) {
	f := func(name string, end func(*rig), after func(*rig), by By, code int) {
		t.Run(name, func(t *testing.T) {
			eachClient(t, func(t *testing.T, l legs) {
				r := l.start(t, nil)
				m := r.hold()
				end(r)
				r.nodeSends(text(unmasked, marker))
				m.hears(marker)
				r.conn.Resume(nil)
				after(r)
				r.wantEnd(by, code)
				m.wantNotAborted()
			})
		})
	}
	f("Close", func(r *rig) { r.clientSends(closeFrame(masked, 1000, "")) }, func(r *rig) {
		r.nodeGets(closeFrame(masked, 1000, ""))
		r.nodeSends(closeFrame(unmasked, 1000, ""))
		r.clientGets(closeFrame(unmasked, 1000, ""))
		r.clientIsOver()
		r.node.Close()
	}, ByClient, 1000)
	f("FIN", func(r *rig) { halfClose(r.t, r.client) }, func(r *rig) { r.nodeIsOver(); r.node.Close() }, ByClient, 0)
	f("RST", func(r *rig) { reset(r.t, r.client) }, func(r *rig) { r.nodeIsOver(); r.node.Close() }, ByClient, 0)
	f("Nonsense", func(r *rig) { r.clientSends([]byte{0x8f, 0x80, 0, 0, 0, 0}) }, func(r *rig) {
		r.nodeGets(appendMaskedClose(nil, 1002))
		r.node.Close()
		r.clientGets(AppendClose(nil, 1002, "reserved opcode 0xf"))
		r.client.Close()
	}, ByLimit, 1002)
}

func TestAHoldOfARelayThatCannotBeHeldIsAborted(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, func(p *Pair) {
			loses(p, func() Close { return Close{Code: 4200, By: ByNodeLost, After: time.Hour} })
		})
		first := r.hold()
		r.holdLater().wantAborted()
		r.node.Close()
		first.wantAborted()
		r.holdLater().wantAborted() // there is no node
		r.conn.Resume(nil)
		r.conn.Close(drainedClose)
		r.holdLater().wantAborted()
		r.clientAnswers(4200, "drained")
		r.wantEnd(ByDrain, 4200)
		r.holdLater().wantAborted()
		r.conn.Resume(nil)
		r.engine.Wait()
	})
}

func TestANodeThatFreezesAbortsAHold(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, func(p *Pair) { p.Options.Stall = 50 * time.Millisecond })
		stop, streamed := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(streamed)
			for frame := binaryOf(masked, bufferSize); ; {
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
		waitUntil(t, func() bool { _, node := queues(r); return node > 0 })
		m := r.holdLater()
		m.wantAborted()
		close(stop)
		r.clientGets(AppendClose(nil, lostClose.Code, lostClose.Reason))
		r.client.Close()
		r.node.Close()
		<-streamed
		r.wantEnd(ByTimeout, lostClose.Code)
	})
}

func TestAHeldClientIsNotEndedForItsSilence(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, func(p *Pair) { p.Options.Idle, p.Options.Ping = 50*time.Millisecond, 50*time.Millisecond })
		m := r.hold()
		c := r.conn.(*epollRelay)
		for begin := time.Now(); time.Since(begin) < time.Second; { // many times either of them
			r.clientSends(text(masked, "x"))
			waitForTick(c)
		}
		r.conn.Resume(nil)
		for range 3 {
			r.nodeGets(text(masked, "x"))
		}
		m.wantNotAborted()
	})
}

// waitForTick returns once the relay's wheel has turned.
func waitForTick(c *epollRelay) {
	now := func() ticks {
		got := make(chan ticks, 1)
		c.shard.post(func() { got <- c.shard.wheel.now })
		return <-got
	}
	for before := now(); now() == before; {
	}
}

func TestAMoversPanicEndsItsClientAlone(t *testing.T) {
	for _, where := range []string{"Begin", "FromNode", "Aborted"} {
		t.Run(where, func(t *testing.T) {
			eachClient(t, func(t *testing.T, l legs) {
				others, r := l.startBesides(t, func(*owner) {})
				m := newTrip(t)
				m.panics = where
				r.conn.Hold(m, 0)
				if where != "Begin" {
					within(t, "Begin", m.begun)
					r.nodeSends(text(unmasked, "a"))
				}
				if where == "Aborted" {
					r.node.Close()
				}
				r.panicked()
				m.wantAborted()
				if where == "Aborted" {
					r.clientGets(text(unmasked, "a"))
				}
				r.clientIsOver()
				if end := <-r.ended; end.By != ByInternalError {
					t.Errorf("got end %+v, want one by %q", end, ByInternalError)
				}
				others.echo()
			})
		})
	}
}

func TestTheOtherEngineMovesNothing(t *testing.T) {
	r := legs{newEngine: NewPortable}.start(t, func(p *Pair) { tapBy(p, &recorder{}) })
	if r.conn.Hold(newTrip(t), 0) {
		t.Error("got a hold, want none")
	}
	r.conn.Resume(nil)
	if _, err := r.replace(nil); err == nil {
		t.Error("got a new node, want an error")
	}
	r.echoes()
}

// What a paused client has sent may change its key, behind what was read of it.
func TestAHeldClientCanUpdateItsKey(t *testing.T) {
	r, s, far := startSealed(t, nil)
	for i := range 3 {
		large := binaryOf(masked, 40_000)
		send(t, far, join(s.seal(dataRecord, large[:16_000]), s.seal(dataRecord, large[16_000:30_000])))
		r.nodeGets(large[:30_000])
		m := r.holdLater()
		records := join(s.seal(dataRecord, large[30_000:]), s.seal(dataRecord, text(masked, "behind")), s.keyUpdate())
		send(t, far, join(records, s.seal(dataRecord, text(masked, fmt.Sprint(i)))))
		within(t, "Begin", m.begun)
		r.nodeGets(large[30_000:])
		send(t, far, join(s.keyUpdate(), s.seal(dataRecord, text(masked, "later"))))
		r.conn.Resume(texts("undo"))
		r.nodeGets(appendText(nil, masked, []byte("undo")), text(masked, "behind"), text(masked, fmt.Sprint(i)), text(masked, "later"))
		r.nodeSends(text(unmasked, "answer"))
		r.clientGets(text(unmasked, "answer"))
	}
}

func TestWhatAHoldHasAskedForIsHiddenAfterItIsGivenUp(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		m := r.hold("sync")
		r.nodeGets(appendText(nil, masked, []byte("sync")))
		r.conn.Resume(texts("undo"))
		r.nodeGets(appendText(nil, masked, []byte("undo")))
		r.clientSends(text(masked, "on")) // is read again
		r.nodeGets(text(masked, "on"))
		late := text(unmasked, secret)
		r.nodeSends(late[:3])
		r.nodeSends(join(late[3:], text(unmasked, "a"), text(unmasked, marker), text(unmasked, secret), text(unmasked, "b")))
		r.clientGets(text(unmasked, "a"), text(unmasked, secret), text(unmasked, "b")) // after the last it is like any other
		m.hears(secret, "a", marker)
		m.wantNotAborted()
	})
}

func TestAHoldAfterOneThatWasGivenUpTakesOver(t *testing.T) {
	eachClient(t, func(t *testing.T, l legs) {
		r := l.start(t, nil)
		first := r.hold("sync")
		r.conn.Resume(texts("undo"))
		part := text(unmasked, "part")
		r.nodeSends(part[:2])
		second := r.hold("again")
		r.nodeGets(appendText(nil, masked, []byte("sync")), appendText(nil, masked, []byte("undo")), appendText(nil, masked, []byte("again")))
		r.nodeSends(part[2:])
		r.clientGets(part)
		second.hears("part")
		r.conn.Resume(nil)
		first.wantNotAborted()
		second.wantNotAborted()
	})
}
