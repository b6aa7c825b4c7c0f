package proxy_test

import (
	"testing"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

func TestACookieBringsTheClientBackToItsNode(t *testing.T) {
	s := apptest.New(t, 3, "")
	first := s.Dial()
	if first.Cookie == nil || !first.Cookie.HttpOnly {
		t.Fatalf("cookie on the first 101: got %v, want one that is HttpOnly", first.Cookie)
	}
	for range 10 {
		again := s.Dial(first.Cookie)
		if again.Node != first.Node {
			t.Fatalf("with the cookie of %s: got %s", first.Node, again.Node)
		}
		if again.Cookie != nil {
			t.Fatalf("cookie set again: %v", again.Cookie)
		}
	}
}

func TestADrainMovesTheClientsAndTheirPins(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	s.Drain(p.Node, admin.DrainRequest{})
	if code := p.Closed(); code != 4200 {
		t.Errorf("close code of a drained client: got %d, want 4200", code)
	}
	again := s.Dial(p.Cookie)
	if again.Node == p.Node {
		t.Errorf("came back on the draining node %s", p.Node)
	}
	if again.Cookie == nil || again.Cookie.Value == p.Cookie.Value {
		t.Errorf("cookie after the drain: got %v, want a new one", again.Cookie)
	}
	line := s.Logs.Wait(t, "client closed")
	if line["by"] != "drain" || line["code"] != 4200.0 {
		t.Errorf("log line: got by %v, code %v, want drain and 4200", line["by"], line["code"])
	}
}

func TestAKilledNodeIsACleanCloseForItsClients(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	s.Node(p.Node).Kill()
	if code := p.Closed(); code != 4200 && code != 4100 {
		t.Errorf("close code: got %d, want 4200 or 4100", code)
	}
	again := s.Dial(p.Cookie)
	if again.Node == p.Node {
		t.Errorf("came back on the dead node")
	}
}

func TestWithNoNodeAnUpgradeIsAcceptedAndClosedWith4100(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Nodes[0].Kill()
	_, err := s.TryDial()
	if code := websocket.CloseStatus(err); code != 4100 {
		t.Errorf("got %v, want a Close frame 4100", err)
	}
}

func TestStoppingClosesEveryClientWith4100(t *testing.T) {
	s := apptest.New(t, 2, "")
	a, b := s.Dial(), s.Dial()
	stopped := s.Stopped()
	if a, b := a.Closed(), b.Closed(); a != 4100 || b != 4100 {
		t.Errorf("close codes: got %d and %d, want 4100", a, b)
	}
	<-stopped
}
