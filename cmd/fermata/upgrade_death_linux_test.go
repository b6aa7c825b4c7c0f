package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// secureAndPlain is a listener with TLS and one without, in this order.
func secureAndPlain(t *testing.T, extra string) string {
	return apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "localhost")) + "  - address: localhost:0\n" + extra
}

// secureClient connects over TLS, and returns how to see that it is still there.
func secureClient(s *apptest.Stack) (answers func()) {
	s.T.Helper()
	w := s.SecureWire(apptest.WireUpgrade + "\r\n")
	w.Answer()
	w.Frame()
	return func() {
		s.T.Helper()
		w.Send(apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
		if _, payload := w.Frame(); !strings.Contains(payload, "pusher:pong") {
			s.T.Errorf("client with TLS: got %s, want pusher:pong", payload)
		}
	}
}

func nodesNow(s *apptest.Stack) admin.NodeList {
	s.T.Helper()
	list, err := s.API().Nodes(s.T.Context(), false)
	if err != nil {
		s.T.Fatal(err)
	}
	return list
}

func TestWhenTheSuccessorIsKilledThePredecessorServesAgain(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, "upgrade: {spread: 0s}\n"))
	secure := secureClient(s)
	s.Address = p.listening[1]
	plain := s.Dial()
	u := upgrade(t, s)
	plain.Answers()
	endProcess(s, u.PID)
	if code := plain.Closed(); code != websocket.StatusAbnormalClosure && code != -1 {
		t.Errorf("client of the killed process: got %d, want no Close frame", code)
	}
	secure()
	s.DialInTime().Answers()
	p.until("serving again")
	u = upgrade(t, s)
	s.Dial().Answers()
	secure()
	if got := len(nodesNow(s).Predecessors); got != 1 {
		t.Errorf("got %d predecessors, want 1", got)
	}
	s.Eventually("status has a line for the old process", func() bool {
		_, out, _ := cli(s, "status")
		return strings.Contains(out, fmt.Sprintf("\nprocess %d (devel) still has 1 client, until they leave\n", p.pid))
	})
	_ = syscall.Kill(u.PID, syscall.SIGTERM)
	p.exited()
}

func TestWhenThePredecessorIsKilledOnlyItsClientsAreLost(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, "upgrade: {spread: 0s}\n"))
	secureClient(s)
	s.Address = p.listening[1]
	plain := s.Dial()
	u := upgrade(t, s)
	p.signal(syscall.SIGKILL)
	p.exited()
	plain.Answers()
	s.Dial().Answers()
	s.Eventually("the predecessor is not there any more", func() bool { return len(nodesNow(s).Predecessors) == 0 })
	endProcess(s, u.PID)
	again := startApart(t, "serve", "-c", s.File)
	again.until(`"serving"`)
	again.stop()
}
