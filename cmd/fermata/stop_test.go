package main

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/port"
)

// The bounds that a stop must not wait for are long; so one that does is seen
// also on a slow machine.
const slowEnds = "timeouts: {close: 30s, answer: 30s, handshake: 30s, header: 30s, request: 30s}\n"

func TestAStopEndsInTimeWhateverClientsDoAndItsSuccessorGetsAll(t *testing.T) {
	t.Parallel()
	plain := "listen:\n  - address: " + port.Reserve(t) + "\n"
	secured := strings.TrimPrefix(apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.test")), "listen:\n")
	s, p := serveApart(t, plain+secured+slowEnds)
	secure := p.listening[1]
	var polite []*apptest.Peer
	for range 50 {
		polite = append(polite, s.Dial())
	}
	misbehave(s, secure)

	begun := time.Now()
	told := make(chan int, len(polite))
	for _, c := range polite {
		go func() { told <- int(c.Closed()) }()
	}
	p.stop()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("got a stop of %v, want about a second", took)
	}
	for range polite {
		if code := <-told; code != 4100 {
			t.Errorf("got the Close frame %d, want 4100", code)
		}
	}

	s.Nodes[1].SetFaults(devnode.Faults{})
	s.Configure("listen: [{address: \"" + s.Address + "\"}]\n" + slowEnds)
	again := startApart(t, "serve", "-c", s.File)
	again.until(`"serving"`)
	for range polite {
		s.Dial()
	}
	again.stop()
}

// misbehave has clients do all that a stop must not wait for. They stay until the
// test ends.
func misbehave(s *apptest.Stack, secure string) {
	s.T.Helper()
	const post = "POST /apps/1/events HTTP/1.1\r\nHost: ws.example.com\r\nContent-Length: 100\r\n\r\n"
	silent := s.Wire(apptest.WireUpgrade + "\r\n") // never answers its Close frame
	silent.Answer()
	silent.Frame()
	deaf := s.Wire(apptest.WireUpgrade + "\r\n") // takes nothing more
	deaf.Answer()
	go func() {
		for ping := append([]byte{0x81, 0x80 | 23, 0, 0, 0, 0}, `{"event":"pusher:ping"}`...); ; {
			if _, err := deaf.Write(ping); err != nil {
				return
			}
		}
	}()
	s.Wire(post + "half of it")
	s.Wire("GET /up HTTP/1.1\r\nHost: ws.exa")
	s.Wire("")
	s.Wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n").Answer() // and is kept alive
	for _, begin := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		conn, err := net.Dial("tcp", secure)
		if err != nil {
			s.T.Fatal(err)
		}
		s.T.Cleanup(func() { conn.Close() })
		conn.Write([]byte(begin))
	}
	handshaken, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { handshaken.Close() })
	handshaken.Write([]byte("GET / HTTP/1.1\r\n"))

	admins(s, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /v1/no", "")

	// From now on a node is frozen: some wait for it, in each of the ways.
	s.Nodes[1].SetFaults(devnode.Faults{Hang: true, Delay: time.Hour})
	seen := s.Nodes[1].Stats().Requests
	for range 4 {
		s.Wire(post + strings.Repeat("x", 100))
		s.Wire(apptest.WireUpgrade + "\r\n")
	}
	apptest.WaitNode(s.T, s.Nodes[1], func(n devnode.Stats) bool { return n.Requests > seen+1 })
}

// admins are connections to the admin endpoint that stay.
func admins(s *apptest.Stack, requests ...string) {
	s.T.Helper()
	for _, request := range requests {
		conn, err := net.Dial("unix", strings.TrimPrefix(s.Admin, "unix:"))
		if err != nil {
			s.T.Fatal(err)
		}
		s.T.Cleanup(func() { conn.Close() })
		conn.Write([]byte(request))
	}
}
