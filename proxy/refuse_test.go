package proxy

import (
	"io"
	"net"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// halfConn is a client's connection, whose client ends it when Fermata has ended
// its half.
type halfConn struct {
	net.Conn
	broken             bool
	half, read, closed bool
}

func (c *halfConn) Write(p []byte) (int, error) {
	if c.broken {
		return 0, errHook
	}
	return len(p), nil
}

func (c *halfConn) Read([]byte) (int, error) {
	c.read = c.half
	return 0, io.EOF
}

func (c *halfConn) CloseWrite() error { c.half = true; return nil }
func (c *halfConn) Close() error      { c.closed = true; return nil }

// Closed at once, the connection would be reset, and the Close frame lost.
func TestAClientThatIsTurnedAwayIsReadUntilItEnds(t *testing.T) {
	f := func(broken, want bool) {
		t.Helper()
		c := &halfConn{broken: broken}
		acceptAndClose(c, goodKey, "no usable node")
		if c.half != want || c.read != want || !c.closed {
			t.Errorf("broken %v: got half closed %v, read %v, closed %v, want %v, %v and true", broken, c.half, c.read, c.closed, want, want)
		}
	}
	f(false, true)
	f(true, false)
}

func TestAFloodThatIsTurnedAwayGetsOneLineASecond(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	h := New(Options{}, Deps{Pool: poolOf(1), Engine: relay.New(1), Log: zap.New(core)})
	r := read(t, "POST /apps/1/events HTTP/1.1", "Host: a")
	c := newClient(r, h.options.Load())
	for range 3 {
		h.noteTurnedAway(c, balancer.ErrNoUsableNode)
		h.noteFailed(r, c, 503, balancer.ErrBusy)
	}
	want := func(message string, lines int, counted bool) {
		t.Helper()
		got := logs.FilterMessage(message).All()
		if len(got) != lines {
			t.Fatalf("%s: got %d lines, want %d", message, len(got), lines)
		}
		if _, has := got[0].ContextMap()["count"]; has != counted {
			t.Errorf("%s: got a count %v, want %v", message, has, counted)
		}
	}
	want("clients turned away", 1, true)
	want("requests turned away", 1, true)
	h.noteFailed(r, c, 502, errHook)
	h.noteFailed(r, c, 502, errHook)
	want("request failed", 2, false)
}
