package proxy_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// halfway connects a client that its node, the only one, leaves without an
// answer, and returns when the node has its request.
func halfway(s *apptest.Stack) *apptest.Wire {
	s.T.Helper()
	s.Nodes[0].SetFaults(devnode.Faults{Hang: true})
	seen := s.Nodes[0].Stats().Requests
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	apptest.WaitNode(s.T, s.Nodes[0], func(n devnode.Stats) bool { return n.Requests > seen })
	return w
}

func TestAClientThatLeavesDuringTheHandshakeFreesItsPlace(t *testing.T) {
	s := apptest.New(t, 1, apptest.Patient)
	s.Bystander()
	w := halfway(s)
	s.HasMetric(`fermata_connections{node="reverb-1"} 2`)
	w.Close()
	s.WaitMetric(`fermata_connections{node="reverb-1"} 1`)
	s.HasMetric(`fermata_handshakes_total{node="reverb-1",result="client_gone"} 1`)
	s.HasMetric(`fermata_node_up{node="reverb-1"} 1`)
}

func TestAClientThatSaysNoMoreDuringTheHandshakeIsNotTold200(t *testing.T) {
	s := apptest.New(t, 1, apptest.Patient)
	w := halfway(s)
	if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r, _ := w.Answer(); r.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %d, want 408", r.StatusCode)
	}
	w.Ended()
}

func TestStoppingDoesNotWaitForANodeThatDoesNotAnswer(t *testing.T) {
	s := apptest.New(t, 1, apptest.Patient+"stop_timeout: 1s\n")
	w := halfway(s)
	s.Stop()
	if r, err := http.ReadResponse(w.From, nil); err == nil && r.StatusCode == 200 {
		t.Errorf("got %d, want no success", r.StatusCode)
	}
}

func TestADrainMovesTheClientsThatAreOnTheirWayIn(t *testing.T) {
	delayed := apptest.StartNode(t, devnode.Options{Name: "first"})
	other := apptest.StartNode(t, devnode.Options{Name: "second"})
	s := apptest.NewFront(t, nil, apptest.TwoNodes(delayed.URL(), other.URL())+apptest.Patient)
	delayed.Freeze()
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	s.WaitMetric(`fermata_connections{node="first"} 1`)
	s.Drain("first", admin.DrainRequest{})
	delayed.Thaw()
	w.Answer()
	for {
		opcode, payload := w.Frame()
		if opcode == 8 {
			if payload[:2] != "\x10\x68" {
				t.Errorf("got the Close frame %q, want 4200", payload)
			}
			return
		}
	}
}

func TestWhatTheNodeSendsRightAfterThe101IsKept(t *testing.T) {
	node := apptest.FakeNode(t, apptest.Says101("", "\x81\x05early\x88\x02\x10\xcc"))
	s := apptest.NewFront(t, []string{node}, "")
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	w.Answer()
	if opcode, payload := w.Frame(); opcode != 1 || payload != "early" {
		t.Errorf("got the frame %d %q, want early", opcode, payload)
	}
	if opcode, payload := w.Frame(); opcode != 8 || payload != "\x10\xcc" {
		t.Errorf("got the frame %d %q, want the node's Close frame 4300", opcode, payload)
	}
}

func TestAnUpgradeCanFollowPlainRequestsOnOneConnection(t *testing.T) {
	s := apptest.New(t, 1, "")
	w := s.Wire(strings.Repeat("GET /up HTTP/1.1\r\nHost: a\r\n\r\n", 3) + apptest.WireUpgrade + "\r\n" + apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
	for _, want := range []int{200, 200, 200, 101} {
		if r, _ := w.Answer(); r.StatusCode != want {
			t.Fatalf("got %d, want %d", r.StatusCode, want)
		}
	}
	w.Frame()
	if _, payload := w.Frame(); !strings.Contains(payload, "pusher:pong") {
		t.Errorf("got %s, want pusher:pong", payload)
	}
}

func TestAFloodOfConnectionsIsCutAndThenForgotten(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, "limits: {max_clients: 2}\n")
	s.Bystander()
	var flood []*apptest.Wire
	for range 100 {
		flood = append(flood, s.Wire(""))
	}
	flood[99].Ended() // at once, far sooner than timeouts.header
	for _, w := range flood {
		w.Close()
	}
	s.DialInTime().Answers()
}
