package devnode

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestStopIsABareFINToEverybody(t *testing.T) {
	n := start(t, Options{})
	c := dial(t, n, handshake(DefaultAppKey))
	_, r := head(t, c)
	waitFor(t, n, func(s Stats) bool { return s.Connections == 1 })
	n.Stop()
	frames, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("got %v, want a FIN", err)
	}
	if i := len(frames); i > 0 && frames[i-1] != '}' {
		t.Errorf("got %q, want the greeting and no Close frame", frames)
	}
	if _, err := net.Dial("tcp", n.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling the stopped node: got %v, want refused", err)
	}
}

func TestKillIsARST(t *testing.T) {
	n := start(t, Options{})
	c := dial(t, n, handshake(DefaultAppKey))
	head(t, c)
	waitFor(t, n, func(s Stats) bool { return s.Connections == 1 })
	n.Kill()
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a RST", err)
	}
}

func TestAStoppedNodeCanBeFollowedOnItsAddress(t *testing.T) {
	n := start(t, Options{})
	greeted(t, n)
	n.Stop()
	next, err := Start(n.Addr().String(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Stop)
	greeted(t, next)
}

func TestAFrozenNodeTakesConnectionsAndAnswersNothing(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	n.Freeze()
	p.send(`{"event":"pusher:ping"}`)
	c := dial(t, n, "GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
	late := dial(t, n, handshake(DefaultAppKey))
	for _, c := range []net.Conn{c, late} {
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want silence", err)
		}
		c.SetReadDeadline(time.Now().Add(patience))
	}
	n.Thaw()
	p.want("pusher:pong")
	if got, err := io.ReadAll(c); err != nil || len(got) == 0 {
		t.Errorf("thawed: got %q, %v", got, err)
	}
	head(t, late)
}

func TestAFrozenNodeCanBeKilled(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	n.Freeze()
	n.Kill()
	p.wantEnd(-1)
}

func TestANodeDiesSilentlyAtItsNumberOfConnections(t *testing.T) {
	n := New(Options{Faults: Faults{DieAt: 3}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- n.Run(t.Context(), listener) }()
	address := listener.Addr().String()
	for range 3 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if err := <-ran; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestANodeRemembersTheMostConnectionsThatItHad(t *testing.T) {
	n := start(t, Options{})
	first := greeted(t, n)
	greeted(t, n)
	first.ws.CloseNow()
	waitFor(t, n, func(s Stats) bool { return s.Connections == 1 })
	if s := n.Stats(); s.Connections != 1 || s.Most != 2 || s.MostOpen != 2 {
		t.Errorf("got %+v, want one client, and two clients and connections at most", s)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := New(Options{})
	if err := n.Run(ctx, listener); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	n.Stop() // once more does nothing
	if err := n.Run(t.Context(), listener); !errors.Is(err, ErrStarted) {
		t.Errorf("a second time: got %v, want %v", err, ErrStarted)
	}
}

func TestStoppingANodeThatNeverRanDoesNotWait(t *testing.T) {
	New(Options{}).Stop()
}

func TestCloseClientsSendsACloseFrame(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	closed := make(chan struct{})
	go func() { defer close(closed); n.CloseClients(1012, "restart") }()
	p.wantEnd(1012)
	<-closed
}

func TestWaitEndsWithItsContext(t *testing.T) {
	n := start(t, Options{})
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, io.ErrNoProgress)
	defer cancel()
	if err := n.Wait(ctx, func(Stats) bool { return false }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want the context's cause", err)
	}
}
