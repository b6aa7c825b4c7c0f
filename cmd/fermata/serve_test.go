package main

import (
	"testing"

	"github.com/coder/websocket"
)

func TestACookieBringsTheClientBackToItsNode(t *testing.T) {
	s := newStack(t, 3, "")
	first := s.dial()
	if first.cookie == nil || !first.cookie.HttpOnly {
		t.Fatalf("cookie on the first 101: got %v, want one that is HttpOnly", first.cookie)
	}
	for range 10 {
		again := s.dial(first.cookie)
		if again.node != first.node {
			t.Fatalf("with the cookie of %s: got %s", first.node, again.node)
		}
		if again.cookie != nil {
			t.Fatalf("cookie set again: %v", again.cookie)
		}
	}
}

func TestADrainMovesTheClientsAndTheirPins(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	if code, out, errOut := s.cli("drain", p.node, "--wait"); code != exitDone {
		t.Fatalf("drain: exit %d\n%s%s", code, out, errOut)
	}
	if code := p.closed(); code != 4200 {
		t.Errorf("close code of a drained client: got %d, want 4200", code)
	}
	again := s.dial(p.cookie)
	if again.node == p.node {
		t.Errorf("came back on the draining node %s", p.node)
	}
	if again.cookie == nil || again.cookie.Value == p.cookie.Value {
		t.Errorf("cookie after the drain: got %v, want a new one", again.cookie)
	}
	line := s.logs.wait(t, "client closed")
	if line["by"] != "drain" || line["code"] != 4200.0 {
		t.Errorf("log line: got by %v, code %v, want drain and 4200", line["by"], line["code"])
	}
}

func TestAKilledNodeIsACleanCloseForItsClients(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	s.node(p.node).Kill()
	if code := p.closed(); code != 4200 && code != 4100 {
		t.Errorf("close code: got %d, want 4200 or 4100", code)
	}
	again := s.dial(p.cookie)
	if again.node == p.node {
		t.Errorf("came back on the dead node")
	}
}

func TestWithNoNodeAnUpgradeIsAcceptedAndClosedWith4100(t *testing.T) {
	s := newStack(t, 1, "")
	s.nodes[0].Kill()
	_, err := s.tryDial()
	if code := websocket.CloseStatus(err); code != 4100 {
		t.Errorf("got %v, want a Close frame 4100", err)
	}
}

func TestStoppingClosesEveryClientWith4100(t *testing.T) {
	s := newStack(t, 2, "")
	a, b := s.dial(), s.dial()
	done := make(chan int, 1)
	go func() { done <- s.stop() }()
	if a, b := a.closed(), b.closed(); a != 4100 || b != 4100 {
		t.Errorf("close codes: got %d and %d, want 4100", a, b)
	}
	if code := <-done; code != exitDone {
		t.Errorf("exit: got %d, want 0", code)
	}
}
