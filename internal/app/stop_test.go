package app_test

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// The bounds that a stop must not wait for are long; so one that does is seen
// also on a slow machine.
const slowEnds = "timeouts: {close: 30s, answer: 30s, handshake: 30s, header: 30s, request: 30s}\n"

func TestAStopTellsClientsThatAreHeldAndEnds(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, slowEnds+"limits: {upgrades_per_second: 1}\nhealth: {type: http, interval: 1h, panic_threshold: 0}\n")
	var lost []*apptest.Peer
	for range 3 {
		lost = append(lost, s.DialOn("reverb-3"))
	}
	s.Nodes[2].Kill()
	var all sync.WaitGroup
	for _, c := range lost {
		all.Go(func() {
			if code := c.Closed(); code != 4100 && code != 4200 { // the first is not held
				t.Errorf("got the Close frame %d, want 4100 or 4200", code)
			}
		})
	}
	s.Stop()
	all.Wait()
}

func TestAStopWaitsForANodeThatStillAnswersARequest(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, "stop_timeout: 20s\n")
	s.Nodes[0].SetFaults(devnode.Faults{Delay: 2 * time.Second})
	seen := s.Nodes[0].Stats().Requests
	w := s.Wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")
	apptest.WaitNode(t, s.Nodes[0], func(n devnode.Stats) bool { return n.Requests > seen })
	s.Stop()
	if r, body := w.Answer(); r.StatusCode != http.StatusOK || !strings.Contains(body, "OK") || !r.Close {
		t.Errorf("got %d %q, want the node's answer, and the end of the connection", r.StatusCode, body)
	}
}

func TestARequestThatAStopGivesUpIsAnswered(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "")
	s.Nodes[0].SetFaults(devnode.Faults{Delay: time.Hour})
	seen := s.Nodes[0].Stats().Requests
	w := s.Wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")
	apptest.WaitNode(t, s.Nodes[0], func(n devnode.Stats) bool { return n.Requests > seen })
	s.Stop()
	if r, body := w.Answer(); r.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "stopping") {
		t.Errorf("got %d %q, want 504 that says why", r.StatusCode, body)
	}
}

func TestStoppingSendsEverybodyAwayInOrder(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, "stop_timeout: 20s\n")
	polite := s.Dial()
	silent := s.Wire(apptest.WireUpgrade + "\r\n") // never answers a Close frame
	silent.Answer()
	silent.Frame()
	if status, _ := s.AdminGet("/readyz"); status != 200 {
		t.Errorf("readyz before: got %d, want 200", status)
	}
	answered := holdUp(s)
	stopped := s.Stopped()
	if code := polite.Closed(); code != 4100 {
		t.Errorf("got the Close frame %d, want 4100", code)
	}
	if status, _ := s.AdminGet("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz while stopping: got %d, want 503", status)
	}
	if status, _ := s.AdminGet("/healthz"); status != 200 {
		t.Errorf("healthz while stopping: got %d, want 200", status)
	}
	if _, err := s.TryDial(); websocket.CloseStatus(err) != 4100 {
		t.Errorf("a client while stopping: got %v, want it to be turned away with 4100", err)
	}
	if opcode, payload := silent.Frame(); opcode != 8 || payload[:2] != "\x10\x04" {
		t.Errorf("got the frame %d %q, want a Close frame 4100", opcode, payload)
	}
	silent.Ended()
	answered()
	<-stopped
	if _, err := os.Stat(strings.TrimPrefix(s.Admin, "unix:")); err == nil {
		t.Errorf("the admin socket is still there")
	}
}

// holdUp has a request wait for its node for some seconds, which a stop with a long
// stop_timeout waits for. Answered wants the node's answer.
func holdUp(s *apptest.Stack) (answered func()) {
	s.T.Helper()
	seen := 0
	for _, n := range s.Nodes {
		n.SetFaults(devnode.Faults{Delay: 5 * time.Second})
		seen += n.Stats().Requests
	}
	w := s.Wire("GET /up HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")
	s.Eventually("a node has the request", func() bool {
		requests := 0
		for _, n := range s.Nodes {
			requests += n.Stats().Requests
		}
		return requests > seen
	})
	return func() {
		s.T.Helper()
		if r, _ := w.Answer(); r.StatusCode != http.StatusOK {
			s.T.Errorf("the request that held up the stop: got %d, want 200", r.StatusCode)
		}
	}
}
