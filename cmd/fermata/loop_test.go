package main

import (
	"net"
	"strings"
	"testing"

	"fermata/internal/lab/devnode"
)

// ownAddress has nothing listen there, yet.
func ownAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The name is one that check does not know to be ours.
func TestANodeThatIsThisFermataTakesOneDescriptorAndNotAll(t *testing.T) {
	_, port, _ := net.SplitHostPort(ownAddress(t))
	s := newFront(t, []string{"http://127.0.0.2:" + port}, "listen: [{address: \":"+port+"\"}]\n")
	s.client = "127.0.0.1:" + port
	r, body := s.ask("GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
	if r.StatusCode != 508 || !strings.Contains(body, "has been here before") {
		t.Errorf("got %d %s, want 508", r.StatusCode, body)
	}
	line := s.logs.wait(t, "a node is this Fermata itself")
	if line["level"] != "error" || line["path"] != "/up" || line["listener"] != "127.0.0.2:"+port {
		t.Errorf("got %v, want an error with the path and the listener", line)
	}
	w := s.wire(wireUpgrade + "\r\n")
	if r, _ := w.answer(); r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	if opcode, payload := w.frame(); opcode != 8 || !strings.HasPrefix(payload, "\x10\x04") {
		t.Errorf("got opcode %d, %q, want a Close frame 4100", opcode, payload)
	}
	s.hasMetric(`fermata_handshakes_total{node="reverb-1",result="error"} 1`)
}

func TestALoopBesideAGoodNodeCostsTheClientNothing(t *testing.T) {
	_, port, _ := net.SplitHostPort(ownAddress(t))
	good := startNode(t, devnode.Options{Name: "second"})
	s := newFront(t, nil, first("http://127.0.0.2:"+port, good.URL())+"listen: [{address: \":"+port+"\"}]\n")
	s.client = "127.0.0.1:" + port
	if p := s.dial(); p.node != "second" {
		t.Errorf("got the node %s, want the one that is no loop", p.node)
	}
}

func TestTwoFermatasInARowAreNoLoop(t *testing.T) {
	inner := newStack(t, 1, "")
	outer := newFront(t, []string{"http://" + inner.client}, "")
	if p := outer.dial(); p.node != "reverb-1" {
		t.Errorf("got the node %q, want reverb-1", p.node)
	}
	via := inner.nodes[0].LastRequest(wirePath).Header.Values("Via")
	if len(via) != 2 || via[0] == via[1] || !strings.HasPrefix(via[0], "1.1 fermata-") {
		t.Errorf("got Via %q, want one of each", via)
	}
}
