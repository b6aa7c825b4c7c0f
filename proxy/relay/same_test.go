package relay

import (
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// outcome is all that the ends of a relay can see.
type outcome struct {
	node, client []byte
	end          End
}

// TestEnginesDoTheSame relays whatever a client and then its node send, bad
// frames and Close frames among it, by both engines. A node whose client was
// bad says nothing, since either engine may still read that.
func TestEnginesDoTheSame(t *testing.T) {
	t.Parallel()
	for kind, best := range layouts(t, newBest) {
		t.Run(kind, func(t *testing.T) {
			portable := best
			portable.newEngine = NewPortable
			rapid.Check(t, func(rt *rapid.T) {
				up, down := drawScript(rt, masked), drawScript(rt, unmasked)
				if up.bad {
					down = script{}
				}
				got, want := best.relay(t, up, down), portable.relay(t, up, down)
				if !reflect.DeepEqual(got, want) {
					rt.Errorf("sent %d and %d bytes: got %d at the node, %d at the client, %+v; want %d, %d, %+v",
						len(join(up.parts...)), len(join(down.parts...)), len(got.node), len(got.client), got.end, len(want.node), len(want.client), want.end)
				}
			})
		})
	}
}

// script is what one side sends.
type script struct {
	parts       [][]byte
	closed, bad bool
}

// drawScript's has nothing after a Close frame: what is sent there can
// make the kernel drop what comes from the other side.
func drawScript(t *rapid.T, mask bool) script {
	b := drawFrames(t, mask).bytes
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		b = append(b, closeFrame(mask, 1000, "bye")...)
	case 1:
		b = append(b, text(!mask, "bad")...)
	case 2:
		b = append(b, text(mask, "cut")[:3]...)
	}
	if len(b) > 0 && rapid.IntRange(0, 3).Draw(t, "damage") == 0 {
		b[rapid.IntRange(0, min(len(b)-1, 300)).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	f := newFollower(mask, 0)
	boundary, _, err := f.follow(b)
	if f.closed {
		b = b[:boundary]
	}
	return script{cutAnywhere(t, b), f.closed, err != nil}
}

// relay has a client send all of up and end, then its node all of down.
func (l legs) relay(t *testing.T, up, down script) (o outcome) {
	t.Helper()
	clientFar, client := l.clientLeg(t)
	nodeFar, node := l.nodeLeg(t)
	ended := make(chan End, 1)
	engine := l.newEngine()
	pair := benchPair(client, node)
	pair.Owner = &owner{ended: ended}
	engine.Start(pair)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		sendAll(clientFar, up.parts)
		if !up.closed {
			_ = clientFar.(interface{ CloseWrite() error }).CloseWrite()
		}
	}()
	o.node = readUntilClose(nodeFar, masked)
	sendAll(nodeFar, down.parts)
	nodeFar.Close()
	_ = clientFar.SetReadDeadline(time.Now().Add(patience))
	o.client, _ = io.ReadAll(clientFar)
	<-sent
	clientFar.Close()
	o.end = <-ended
	o.end.Err = nil // its text differs
	engine.Wait()
	return o
}

func sendAll(conn net.Conn, parts [][]byte) {
	for _, part := range parts {
		if _, err := conn.Write(part); err != nil {
			return
		}
	}
}

// readUntilClose reads until a Close frame or the end.
func readUntilClose(conn net.Conn, mask bool) (all []byte) {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	f := newFollower(mask, 0)
	for b := make([]byte, 64<<10); !f.closed; {
		n, err := conn.Read(b)
		all = append(all, b[:n]...)
		if _, _, bad := f.follow(b[:n]); err != nil || bad != nil {
			break
		}
	}
	return all
}
