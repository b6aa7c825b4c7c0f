package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/lab/devnode"
)

// The bounds that a stop must not wait for are long; so one that does is seen
// also on a slow machine.
const slowEnds = "timeouts: {close: 30s, answer: 30s, handshake: 30s, header: 30s, request: 30s}\n"

func TestAStopEndsInTimeWhateverClientsDoAndItsSuccessorGetsAll(t *testing.T) {
	plain := "listen:\n  - address: 127.0.0.1:0\n"
	secured := strings.TrimPrefix(tlsListener("1.2", pair(t, time.Now(), "a.test")), "listen:\n")
	s, p := serveApart(t, plain+secured+slowEnds)
	secure := p.listening[1]
	var polite []*peer
	for range 50 {
		polite = append(polite, s.dial())
	}
	s.misbehave(secure)

	begun := time.Now()
	told := make(chan int, len(polite))
	for _, c := range polite {
		go func() { told <- int(c.closed()) }()
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

	s.nodes[1].SetFaults(devnode.Faults{})
	s.configure("listen: [{address: \"" + s.client + "\"}]\n" + slowEnds)
	again := startApart(t, "serve", "-c", s.file)
	again.until(`"serving"`)
	for range polite {
		s.dial()
	}
	again.stop()
}

// misbehave has clients do all that a stop must not wait for. They stay until the
// test ends.
func (s *stack) misbehave(secure string) {
	s.t.Helper()
	const post = "POST /apps/1/events HTTP/1.1\r\nHost: ws.example.com\r\nContent-Length: 100\r\n\r\n"
	silent := s.wire(wireUpgrade + "\r\n") // never answers its Close frame
	silent.answer()
	silent.frame()
	deaf := s.wire(wireUpgrade + "\r\n") // takes nothing more
	deaf.answer()
	go func() {
		for ping := append([]byte{0x81, 0x80 | 23, 0, 0, 0, 0}, `{"event":"pusher:ping"}`...); ; {
			if _, err := deaf.Write(ping); err != nil {
				return
			}
		}
	}()
	s.wire(post + "half of it")
	s.wire("GET /up HTTP/1.1\r\nHost: ws.exa")
	s.wire("")
	s.wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n").answer() // and is kept alive
	for _, begin := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		conn, err := net.Dial("tcp", secure)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { conn.Close() })
		conn.Write([]byte(begin))
	}
	handshaken, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { handshaken.Close() })
	handshaken.Write([]byte("GET / HTTP/1.1\r\n"))

	s.admins("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /v1/no", "")

	// From now on a node is frozen: some wait for it, in each of the ways.
	s.nodes[1].SetFaults(devnode.Faults{Hang: true, Delay: time.Hour})
	seen := s.nodes[1].Stats().Requests
	for range 4 {
		s.wire(post + strings.Repeat("x", 100))
		s.wire(wireUpgrade + "\r\n")
	}
	waitNode(s.t, s.nodes[1], func(n devnode.Stats) bool { return n.Requests > seen+1 })
}

// admins are connections to the admin endpoint that stay.
func (s *stack) admins(requests ...string) {
	s.t.Helper()
	for _, request := range requests {
		conn, err := net.Dial("unix", strings.TrimPrefix(s.admin, "unix:"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { conn.Close() })
		conn.Write([]byte(request))
	}
}

func TestAStopTellsClientsThatAreHeldAndEnds(t *testing.T) {
	s := newStack(t, 3, slowEnds+"limits: {upgrades_per_second: 1}\nhealth: {type: http, interval: 1h, panic_threshold: 0}\n")
	var lost []*peer
	for range 3 {
		lost = append(lost, s.dialOn("reverb-3"))
	}
	s.nodes[2].Kill()
	var all sync.WaitGroup
	for _, c := range lost {
		all.Go(func() {
			if code := c.closed(); code != 4100 && code != 4200 { // the first is not held
				t.Errorf("got the Close frame %d, want 4100 or 4200", code)
			}
		})
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("got exit %d, want 0", code)
	}
	all.Wait()
}

func TestAStopWaitsForANodeThatStillAnswersARequest(t *testing.T) {
	s := newStack(t, 1, "stop_timeout: 20s\n")
	s.nodes[0].SetFaults(devnode.Faults{Delay: 2 * time.Second})
	seen := s.nodes[0].Stats().Requests
	w := s.wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")
	waitNode(t, s.nodes[0], func(n devnode.Stats) bool { return n.Requests > seen })
	if code := s.stop(); code != exitDone {
		t.Errorf("got exit %d, want 0", code)
	}
	if r, body := w.answer(); r.StatusCode != http.StatusOK || !strings.Contains(body, "OK") || !r.Close {
		t.Errorf("got %d %q, want the node's answer, and the end of the connection", r.StatusCode, body)
	}
}

func TestARequestThatAStopGivesUpIsAnswered(t *testing.T) {
	s := newStack(t, 1, "")
	s.nodes[0].SetFaults(devnode.Faults{Delay: time.Hour})
	seen := s.nodes[0].Stats().Requests
	w := s.wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")
	waitNode(t, s.nodes[0], func(n devnode.Stats) bool { return n.Requests > seen })
	if code := s.stop(); code != exitDone {
		t.Errorf("got exit %d, want 0", code)
	}
	if r, body := w.answer(); r.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "stopping") {
		t.Errorf("got %d %q, want 504 that says why", r.StatusCode, body)
	}
}

func TestStoppingSendsEverybodyAwayInOrder(t *testing.T) {
	s := newStack(t, 2, "stop_timeout: 20s\n")
	polite := s.dial()
	silent := s.wire(wireUpgrade + "\r\n") // never answers a Close frame
	silent.answer()
	silent.frame()
	if status, _ := s.adminGet("/readyz"); status != 200 {
		t.Errorf("readyz before: got %d, want 200", status)
	}
	answered := s.holdUp()
	exit := make(chan int, 1)
	go func() { exit <- s.stop() }()
	if code := polite.closed(); code != 4100 {
		t.Errorf("got the Close frame %d, want 4100", code)
	}
	if status, _ := s.adminGet("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz while stopping: got %d, want 503", status)
	}
	if status, _ := s.adminGet("/healthz"); status != 200 {
		t.Errorf("healthz while stopping: got %d, want 200", status)
	}
	if _, err := s.tryDial(); websocket.CloseStatus(err) != 4100 {
		t.Errorf("a client while stopping: got %v, want it to be turned away with 4100", err)
	}
	if opcode, payload := silent.frame(); opcode != 8 || payload[:2] != "\x10\x04" {
		t.Errorf("got the frame %d %q, want a Close frame 4100", opcode, payload)
	}
	silent.ended()
	answered()
	if code := <-exit; code != exitDone {
		t.Errorf("got exit %d, want 0", code)
	}
	if _, err := os.Stat(strings.TrimPrefix(s.admin, "unix:")); err == nil {
		t.Errorf("the admin socket is still there")
	}
}

// holdUp has a request wait for its node for some seconds, which a stop with a long
// stop_timeout waits for. Answered wants the node's answer.
func (s *stack) holdUp() (answered func()) {
	s.t.Helper()
	seen := 0
	for _, n := range s.nodes {
		n.SetFaults(devnode.Faults{Delay: 5 * time.Second})
		seen += n.Stats().Requests
	}
	w := s.wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")
	s.eventually("a node has the request", func() bool {
		requests := 0
		for _, n := range s.nodes {
			requests += n.Stats().Requests
		}
		return requests > seen
	})
	return func() {
		s.t.Helper()
		if r, _ := w.answer(); r.StatusCode != http.StatusOK {
			s.t.Errorf("the request that held up the stop: got %d, want 200", r.StatusCode)
		}
	}
}
