package relay

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestPortable(t *testing.T) { testEngine(t, NewPortable) }

func TestAPanicInCryptoTLSEndsItsClientAloneOnPortable(t *testing.T) {
	testPanicInTLS(t, NewPortable())
}

const (
	stall = 30 * time.Second
	bound = 5 * time.Second
)

// pipeRig relays between two pipes, in which every write is one read.
type pipeRig struct {
	engine       Engine
	conn         Relay
	client, node net.Conn
	ended        chan End
}

func startOnPipes() *pipeRig {
	client, far := net.Pipe()
	return startOnPipe(client, far, Options{Stall: stall, Close: bound})
}

func startOnPipe(client, far net.Conn, o Options) *pipeRig {
	r := &pipeRig{engine: NewPortable(), client: far, ended: make(chan End, 1)}
	pair := Pair{Client: client, Options: o, Owner: &owner{ended: r.ended}}
	r.node, pair.Node = net.Pipe()
	r.conn = r.engine.Start(pair)
	return r
}

// endsAfter wants the relay to end in exactly this time from now on.
func (r *pipeRig) endsAfter(t *testing.T, want time.Duration, by By, code int) {
	t.Helper()
	begin := time.Now()
	end := <-r.ended
	if got := time.Since(begin); got != want {
		t.Errorf("it ended after %v, want %v", got, want)
	}
	if end.By != by || end.Code != code {
		t.Errorf("got an end by %q with status %d (%v), want %q and %d", end.By, end.Code, end.Err, by, code)
	}
	r.client.Close()
	r.node.Close()
	r.engine.Wait()
}

func TestPortableTimes(t *testing.T) {
	f := func(name string, test func(*testing.T, *pipeRig)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, startOnPipes()) })
		})
	}
	drain := Close{Code: 4200, By: ByDrain}

	f("AClientThatTakesNothingHasUntilStall", func(t *testing.T, r *pipeRig) {
		send(t, r.node, text(unmasked, "x"))
		r.endsAfter(t, stall, ByTimeout, 0)
	})
	f("AClientThatTakesSomethingHasLonger", func(t *testing.T, r *pipeRig) {
		frame := text(unmasked, "x")
		for range 5 {
			send(t, r.node, frame)
			time.Sleep(stall - time.Second)
			get(t, "client", r.client, frame)
		}
		send(t, r.node, frame)
		r.endsAfter(t, stall, ByTimeout, 0)
	})
	f("AnIdleClientHasForEver", func(t *testing.T, r *pipeRig) {
		time.Sleep(1000 * stall)
		r.conn.Close(drain)
		get(t, "client", r.client, AppendClose(nil, 4200, ""))
		r.endsAfter(t, bound, ByDrain, 4200)
	})
	f("ANodeThatTakesNothingHasUntilStall", func(t *testing.T, r *pipeRig) {
		begin := time.Now()
		send(t, r.client, text(masked, "x"))
		get(t, "client", r.client, AppendClose(nil, lostClose.Code, lostClose.Reason))
		if got := time.Since(begin); got != stall {
			t.Errorf("the client was closed after %v, want %v", got, stall)
		}
		send(t, r.client, closeFrame(masked, lostClose.Code, ""))
		over(t, "client", r.client)
		r.endsAfter(t, bound, ByTimeout, lostClose.Code)
	})
	f("AClientThatTakesNoCloseHasUntilClose", func(t *testing.T, r *pipeRig) {
		r.conn.Close(drain)
		r.endsAfter(t, bound, ByDrain, 0)
	})
	f("ACloseDoesNotWaitForAStalledWrite", func(t *testing.T, r *pipeRig) {
		send(t, r.node, text(unmasked, "x"))
		synctest.Wait()
		r.conn.Close(drain)
		r.endsAfter(t, bound, ByDrain, 0)
	})
	f("ANodeHasUntilCloseAfterTheClientsAnswer", func(t *testing.T, r *pipeRig) {
		r.conn.Close(drain)
		get(t, "client", r.client, AppendClose(nil, 4200, ""))
		send(t, r.client, closeFrame(masked, 4200, ""))
		get(t, "node", r.node, closeFrame(masked, 4200, ""))
		over(t, "client", r.client)
		r.endsAfter(t, bound, ByDrain, 4200)
	})
	f("ANodeThatAnswersNoCloseHasUntilClose", func(t *testing.T, r *pipeRig) {
		send(t, r.client, closeFrame(masked, 1000, ""))
		get(t, "node", r.node, closeFrame(masked, 1000, ""))
		r.endsAfter(t, bound, ByClient, 1000)
	})
	f("AClientHasUntilCloseAfterTheNodesClose", func(t *testing.T, r *pipeRig) {
		send(t, r.node, closeFrame(unmasked, 1000, ""))
		get(t, "client", r.client, closeFrame(unmasked, 1000, ""))
		r.endsAfter(t, bound, ByNode, 1000)
	})
	f("AClientHasUntilCloseAfterItsNodeWasLost", func(t *testing.T, r *pipeRig) {
		r.node.Close()
		get(t, "client", r.client, AppendClose(nil, lostClose.Code, lostClose.Reason))
		r.endsAfter(t, bound, ByNodeLost, lostClose.Code)
	})
	f("ALargeFrameHasUntilClose", func(t *testing.T, r *pipeRig) {
		begun := binaryOf(unmasked, 2*bufferSize)[:100]
		send(t, r.node, begun)
		get(t, "client", r.client, begun)
		r.conn.Close(drain)
		r.endsAfter(t, bound, ByDrain, 0)
	})
}

func TestAPortableRelayThatNobodyUsesHasUntilIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, far := net.Pipe()
		r := startOnPipe(client, far, Options{Stall: stall, Close: bound, Idle: time.Minute})
		for range 3 {
			time.Sleep(40 * time.Second)
			send(t, r.node, text(unmasked, "x"))
			get(t, "client", r.client, text(unmasked, "x"))
			time.Sleep(40 * time.Second)
			send(t, r.client, text(masked, "x"))
			get(t, "node", r.node, text(masked, "x"))
		}
		begin := time.Now()
		get(t, "client", r.client, AppendClose(nil, idleClose.Code, idleClose.Reason))
		if got := time.Since(begin); got != time.Minute {
			t.Errorf("the client was closed after %v, want a minute", got)
		}
		r.endsAfter(t, bound, ByTimeout, idleClose.Code)
	})
}

func TestAPortableRelayThatIsSilentIsPingedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, far := net.Pipe()
		r := startOnPipe(client, far, Options{Stall: stall, Close: bound, Ping: time.Minute})
		after := func(want time.Duration, frame []byte) {
			t.Helper()
			begin := time.Now()
			get(t, "client", r.client, frame)
			if got := time.Since(begin); got != want {
				t.Errorf("% x came after %v, want %v", frame, got, want)
			}
		}
		tok := tokenOf(r.engine)
		time.Sleep(40 * time.Second)
		send(t, r.node, text(unmasked, "x"))
		after(0, text(unmasked, "x"))
		time.Sleep(40 * time.Second)
		send(t, r.client, text(masked, "x"))
		get(t, "node", r.node, text(masked, "x"))
		after(time.Minute, tok.ping())
		send(t, r.client, pong(tok[:]))
		after(time.Minute, tok.ping())
		after(time.Minute, tok.ping())
		after(time.Minute, AppendClose(nil, deafClose.Code, deafClose.Reason))
		r.endsAfter(t, bound, ByTimeout, deafClose.Code)
	})
}

// A tls.Conn's Close would wait another five seconds for such a client.
func TestAPortableTLSClientThatTakesNothingIsCutAtOnce(t *testing.T) {
	config := tlsConfig(t)
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		config.SessionTicketsDisabled = true // a pipe has no room for one
		server := tls.Server(near, config)
		client := tls.Client(far, &tls.Config{InsecureSkipVerify: true})
		go client.Handshake()
		if err := server.Handshake(); err != nil {
			t.Fatal(err)
		}
		r := startOnPipe(server, far, Options{Stall: stall, Close: bound})
		send(t, r.node, text(unmasked, "x"))
		r.endsAfter(t, stall, ByTimeout, 0)
	})
}

func TestAnInjectedCloseStandsAtABoundaryAndChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		down, up := drawFrames(t, unmasked), drawFrames(t, masked)
		downParts, upParts := cutAnywhere(t, down.bytes), cutAnywhere(t, up.bytes)
		closeAt := rapid.IntRange(0, len(downParts)).Draw(t, "close before part")

		r := startOnPipes()
		c := Close{Code: 4200, Reason: "drained", By: ByDrain}
		var senders sync.WaitGroup
		senders.Go(func() {
			for i, part := range downParts {
				if i == closeAt {
					r.conn.Close(c)
				}
				r.node.Write(part)
			}
			r.conn.Close(c)
		})
		senders.Go(func() {
			for _, part := range upParts {
				r.client.Write(part)
			}
		})
		answer := closeFrame(masked, c.Code, "")
		sent := make([]byte, len(up.bytes)+len(answer))
		toNode := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(r.node, sent)
			toNode <- err
		}()
		got := readToClose(t, r.client)
		senders.Wait()
		r.client.Write(answer)
		if err := <-toNode; err != nil {
			t.Errorf("the node got less than was sent: %v", err)
		}
		r.node.Close()
		r.engine.Wait()

		injected := AppendClose(nil, c.Code, c.Reason)
		if !bytes.HasSuffix(got, injected) {
			t.Fatalf("got % x at the end, want % x", got[max(0, len(got)-20):], injected)
		}
		got = got[:len(got)-len(injected)]
		if i := down.until(len(got)); down.boundaries[i] != len(got) {
			t.Errorf("the Close stands at %d, the frame around it begins at %d", len(got), down.boundaries[i])
		}
		if !bytes.Equal(got, down.bytes[:len(got)]) {
			t.Errorf("bytes in front of the Close have changed")
		}
		if !bytes.Equal(sent, append(up.bytes, answer...)) {
			t.Errorf("bytes of the client have changed")
		}
	})
}

// readToClose reads whole frames, a Close being the last.
func readToClose(t *rapid.T, r io.Reader) (all []byte) {
	for {
		frame, err := nextFrame(r)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(all), err)
		}
		if all = append(all, frame...); isClose(frame) {
			return all
		}
	}
}
