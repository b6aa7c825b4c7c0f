package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

// halfway connects a client that its node, the only one, leaves without an
// answer, and returns when the node has its request.
func (s *stack) halfway() *wire {
	s.t.Helper()
	s.nodes[0].SetFaults(devnode.Faults{Hang: true})
	seen := s.nodes[0].Stats().Requests
	w := s.wire(wireUpgrade + "\r\n")
	waitNode(s.t, s.nodes[0], func(n devnode.Stats) bool { return n.Requests > seen })
	return w
}

const patient = "timeouts: {answer: 1m, handshake: 1m, close: 500ms}\n"

func TestAClientThatLeavesDuringTheHandshakeFreesItsPlace(t *testing.T) {
	s := newStack(t, 1, patient)
	s.bystander()
	w := s.halfway()
	s.hasMetric(`fermata_connections{node="reverb-1"} 2`)
	w.Close()
	s.waitMetric(`fermata_connections{node="reverb-1"} 1`)
	s.hasMetric(`fermata_handshakes_total{node="reverb-1",result="client_gone"} 1`)
	s.hasMetric(`fermata_node_up{node="reverb-1"} 1`)
}

func TestAClientThatSaysNoMoreDuringTheHandshakeIsNotTold200(t *testing.T) {
	s := newStack(t, 1, patient)
	w := s.halfway()
	if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r, _ := w.answer(); r.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %d, want 408", r.StatusCode)
	}
	w.ended()
}

func TestStoppingDoesNotWaitForANodeThatDoesNotAnswer(t *testing.T) {
	s := newStack(t, 1, patient+"stop_timeout: 1s\n")
	w := s.halfway()
	if code := s.stop(); code != exitDone {
		t.Errorf("got exit %d, want 0", code)
	}
	if r, err := http.ReadResponse(w.from, nil); err == nil && r.StatusCode == 200 {
		t.Errorf("got %d, want no success", r.StatusCode)
	}
}

func TestADrainMovesTheClientsThatAreOnTheirWayIn(t *testing.T) {
	delayed := startNode(t, devnode.Options{Name: "first"})
	other := startNode(t, devnode.Options{Name: "second"})
	s := newFront(t, nil, first(delayed.URL(), other.URL()))
	delayed.Freeze()
	w := s.wire(wireUpgrade + "\r\n")
	s.waitMetric(`fermata_connections{node="first"} 1`)
	if code, _, errOut := s.cli("drain", "first"); code != exitDone {
		t.Fatal(errOut)
	}
	delayed.Thaw()
	w.answer()
	for {
		opcode, payload := w.frame()
		if opcode == 8 {
			if payload[:2] != "\x10\x68" {
				t.Errorf("got the Close frame %q, want 4200", payload)
			}
			return
		}
	}
}

func TestWhatTheNodeSendsRightBehindThe101IsKept(t *testing.T) {
	node := fakeNode(t, says101("", "\x81\x05early\x88\x02\x10\xcc"))
	s := newFront(t, []string{node}, "")
	w := s.wire(wireUpgrade + "\r\n")
	w.answer()
	if opcode, payload := w.frame(); opcode != 1 || payload != "early" {
		t.Errorf("got the frame %d %q, want early", opcode, payload)
	}
	if opcode, payload := w.frame(); opcode != 8 || payload != "\x10\xcc" {
		t.Errorf("got the frame %d %q, want the node's Close frame 4300", opcode, payload)
	}
}

func TestAnUpgradeCanFollowPlainRequestsOnOneConnection(t *testing.T) {
	s := newStack(t, 1, "")
	w := s.wire(strings.Repeat("GET /up HTTP/1.1\r\nHost: a\r\n\r\n", 3) + wireUpgrade + "\r\n" + clientFrame(`{"event":"pusher:ping","data":{}}`))
	for _, want := range []int{200, 200, 200, 101} {
		if r, _ := w.answer(); r.StatusCode != want {
			t.Fatalf("got %d, want %d", r.StatusCode, want)
		}
	}
	w.frame()
	if _, payload := w.frame(); !strings.Contains(payload, "pusher:pong") {
		t.Errorf("got %s, want pusher:pong", payload)
	}
}

func TestAFloodOfConnectionsIsCutAndThenForgotten(t *testing.T) {
	s := newStack(t, 1, "limits: {max_clients: 2}\n")
	s.bystander()
	var flood []*wire
	for range 100 {
		flood = append(flood, s.wire(""))
	}
	flood[99].ended() // at once, far sooner than timeouts.header
	for _, w := range flood {
		w.Close()
	}
	s.dialInTime().answers()
}

// dialInTime connects a client as soon as those that were there before are
// forgotten.
func (s *stack) dialInTime() *peer {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); ; {
		p, err := s.tryDial()
		if err == nil {
			return p
		}
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
	}
}
