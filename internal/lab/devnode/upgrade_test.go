package devnode

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// ping is a masked text frame with pusher:ping; its mask is all zero.
const ping = "\x81\x97\x00\x00\x00\x00" + `{"event":"pusher:ping"}`

func TestARefusedHandshakeLeavesTheConnectionOpen(t *testing.T) {
	n := start(t, Options{})
	f := func(old, new, want string) {
		t.Helper()
		c := dial(t, n, strings.Replace(handshake(DefaultAppKey), old, new, 1))
		got, r := head(t, c)
		if !strings.HasPrefix(got, "HTTP/1.1 "+want) || strings.Contains(got, "Content-Length") {
			t.Errorf("got %q, want %s without a length", got, want)
		}
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %s: got %v, want silence", want, err)
		}
	}
	f("Version: 13", "Version: 8", "426")
	f("HTTP/1.1", "HTTP/1.0", "505")
	f("Upgrade: websocket", "Upgrade: h2c", "400")
	f("Connection: Upgrade\r\n", "", "400")
	f("dGhlIHNhbXBsZSBub25jZQ==", "short", "400")
	f("Host: ws.example.com\r\n", "", "400")
}

func TestARefusedHandshakeCanBeClosed(t *testing.T) {
	n := start(t, Options{Faults: Faults{Refuse: 503, CloseRefused: true}})
	if got := exchange(t, n, handshake(DefaultAppKey)); !strings.HasPrefix(got, "HTTP/1.1 503") {
		t.Errorf("got %q, want 503", got)
	}
}

func TestTheAnswerHasNoExtensionAndNoSubprotocol(t *testing.T) {
	n := start(t, Options{})
	c := dial(t, n, strings.Replace(handshake(DefaultAppKey), "\r\n\r\n",
		"\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: pusher\r\n\r\n", 1))
	got, _ := head(t, c)
	want := "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	if !strings.HasPrefix(got, "HTTP/1.1 101 Switching Protocols\r\n") || !strings.Contains(got, want) {
		t.Errorf("got %q, want a 101 with %q", got, want)
	}
	if strings.Contains(got, "Extensions") || strings.Contains(got, "Protocol:") {
		t.Errorf("got %q, want neither extension nor subprotocol", got)
	}
}

func TestBytesInTheSegmentOfTheUpgradeAreLost(t *testing.T) {
	n := start(t, Options{Faults: Faults{Mute: true}})
	f := func(keep bool, want int) {
		t.Helper()
		n.SetFaults(Faults{Mute: true, KeepEarly: keep})
		before := n.Stats().Messages
		c := dial(t, n, handshake(DefaultAppKey)+ping)
		head(t, c)
		io.WriteString(c, ping)
		waitFor(t, n, func(s Stats) bool { return s.Messages >= before+want })
		c.Close()
		waitFor(t, n, func(s Stats) bool { return s.Connections == 0 })
		if got := n.Stats().Messages - before; got != want {
			t.Errorf("keep %v: %d messages arrived, want %d", keep, got, want)
		}
	}
	f(false, 1)
	f(true, 2)
}

func TestAHandshakeCanHang(t *testing.T) {
	n := start(t, Options{Faults: Faults{Hang: true}})
	c := dial(t, n, handshake(DefaultAppKey))
	waitFor(t, n, func(s Stats) bool { return s.Requests == 1 })
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want silence", err)
	}
	if got, _ := plain(t, n, "GET", "/up", ""); got != http.StatusOK {
		t.Errorf("/up: got %d, want 200", got)
	}
}

func TestAFINCanComeRightBehindThe101(t *testing.T) {
	n := start(t, Options{Faults: Faults{EndAfter101: true}})
	connect(t, n, nil).wantEnd(-1)
}

func TestAnAnswerCanBeDelayed(t *testing.T) {
	n := start(t, Options{Faults: Faults{Delay: 50 * time.Millisecond}})
	began := time.Now()
	plain(t, n, "GET", "/up", "")
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("took %v, want 50ms at least", took)
	}
}

func TestUpCanFail(t *testing.T) {
	n := start(t, Options{Faults: Faults{Up: 503}})
	if got, _ := plain(t, n, "GET", "/up", ""); got != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", got)
	}
}

func TestThePingCanGoUnanswered(t *testing.T) {
	n := start(t, Options{Faults: Faults{NoPong: true}})
	p := greeted(t, n)
	p.send(`{"event":"pusher:ping"}`)
	p.send(`nonsense`)
	p.wantError(errFormat)
}

func TestUpgradesAreCountedPerSecond(t *testing.T) {
	n := start(t, Options{})
	for range 3 {
		greeted(t, n)
	}
	if s := n.Stats(); s.Upgrades != 3 || s.PeakPerSec < 1 || s.PeakPerSec > 3 {
		t.Errorf("got %+v, want 3 upgrades", s)
	}
}

func TestAMessageOfMoreThanTenThousandBytesEndsWith1009(t *testing.T) {
	n := start(t, Options{})
	const frame = `{"event":"pusher:pong","data":""}`
	fill := strings.Repeat("x", 10_000-len(frame))
	p := greeted(t, n)
	p.send(`{"event":"pusher:pong","data":"%s"}`, fill)
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
	p.send(`{"event":"pusher:pong","data":"%s"}`, fill+"x")
	p.wantEnd(websocket.StatusMessageTooBig)
}
