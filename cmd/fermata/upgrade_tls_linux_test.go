package main

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

// closeCode reads up to the Close frame, and returns its code.
func closeCode(w *apptest.Wire) int {
	for {
		switch opcode, payload := w.Frame(); {
		case opcode == 8 && len(payload) >= 2:
			return int(binary.BigEndian.Uint16([]byte(payload)))
		case opcode == 8:
			return 1005
		}
	}
}

// secured is a client with TLS that has its greeting.
func secured(s *apptest.Stack) *apptest.Wire {
	s.T.Helper()
	w := s.SecureWire(apptest.WireUpgrade + "\r\n")
	w.Answer()
	w.Frame()
	return w
}

func TestClientsWithTLSComeToTheNewProcessOneAfterTheOther(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, "upgrade: {spread: 10m}\n"))
	s.Address = p.listening[0]
	var clients []*apptest.Wire
	for range 12 {
		clients = append(clients, secured(s))
	}
	s.Configure(secureAndPlain(t, "timeouts: {close: 1s}\nupgrade: {spread: 1s}\n")) // of the new configuration
	u := upgrade(t, s)
	if u.HandedOver != 0 || u.Until.IsZero() || time.Until(u.Until) > time.Minute {
		t.Errorf("got %+v, want nobody to be handed over, and all to come within a second", u)
	}
	for _, c := range clients {
		if code := closeCode(c); code != 4200 {
			t.Errorf("got %d, want 4200", code)
		}
		c.Close()
		secured(s)
	}
	if err := p.exited(); err != nil {
		t.Errorf("got %v, want the old process to end well by itself", err)
	}
	s.Eventually("all are with the new process", func() bool {
		list := nodesNow(s)
		return len(list.Predecessors) == 0 && list.Nodes[0].Connections+list.Nodes[1].Connections == len(clients)
	})
}

func TestWhoIsOnTheWayInDuringAnUpgradeComesIn(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, "upgrade: {spread: 0s}\n"))
	hello := half(s, p.listening[0])
	s.Address = p.listening[1]
	head := s.Wire(apptest.WireUpgrade)
	upgrade(t, s)
	head.Send("\r\n")
	head.Answer()
	head.Frame()
	secure := hello()
	s.Eventually("the client without TLS is handed over, the other one stays", func() bool {
		list := nodesNow(s)
		return len(list.Predecessors) == 1 && list.Predecessors[0].Clients == 1 && list.Nodes[0].Connections+list.Nodes[1].Connections == 2
	})
	for _, w := range []*apptest.Wire{head, secure} {
		w.Send(apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
		if _, payload := w.Frame(); !strings.Contains(payload, "pusher:pong") {
			t.Errorf("got %s, want pusher:pong", payload)
		}
	}
}

// half begins a TLS handshake, with a part of the client's first message. It goes on,
// and upgrades, when the function is called.
func half(s *apptest.Stack, address string) (finish func() *apptest.Wire) {
	s.T.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(apptest.Timeout))
	slow := &slowly{Conn: conn, rest: make(chan struct{}), begun: make(chan struct{})}
	secure := tls.Client(slow, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- secure.Handshake() }()
	<-slow.begun
	return func() *apptest.Wire {
		close(slow.rest)
		if err := <-done; err != nil {
			s.T.Fatal(err)
		}
		w := s.Over(secure)
		w.Send(apptest.WireUpgrade + "\r\n")
		w.Answer()
		w.Frame()
		return w
	}
}

// slowly writes 20 bytes, and the rest later.
type slowly struct {
	net.Conn
	begun, rest chan struct{}
	halfway     bool
}

func (s *slowly) Write(p []byte) (int, error) {
	if s.halfway {
		return s.Conn.Write(p)
	}
	s.halfway = true
	n, err := s.Conn.Write(p[:20])
	close(s.begun)
	<-s.rest
	if err != nil {
		return n, err
	}
	m, err := s.Conn.Write(p[20:])
	return n + m, err
}

// three are a Fermata that was upgraded twice, with a client with TLS at each of its
// processes.
func three(t *testing.T, extra string) (s *apptest.Stack, first *apart, pids [3]int, clients [3]*apptest.Wire) {
	t.Helper()
	s, first = serveApart(t, secureAndPlain(t, extra))
	pids[0] = first.pid
	for i := range clients {
		if i > 0 {
			pids[i] = upgrade(t, s).PID
		}
		clients[i] = secured(s)
	}
	follow(s, 2)
	return s, first, pids, clients
}

// follow waits until the one that serves has so many predecessors, with clients.
func follow(s *apptest.Stack, want int) {
	s.T.Helper()
	s.Eventually(fmt.Sprintf("%d processes follow the one that serves", want), func() bool {
		list, err := s.API().Nodes(s.T.Context(), false)
		with := 0
		for _, p := range list.Predecessors {
			with += p.Clients
		}
		return err == nil && len(list.Predecessors) == want && with >= want
	})
}

func answers(t *testing.T, w *apptest.Wire) {
	t.Helper()
	w.Send(apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
	if _, payload := w.Frame(); !strings.Contains(payload, "pusher:pong") {
		t.Errorf("got %s, want pusher:pong", payload)
	}
}

func TestWhicheverOfThreeProcessesIsKilledTheOthersGoOn(t *testing.T) {
	for killed, name := range []string{"the first", "the second", "the one that serves"} {
		t.Run(name, func(t *testing.T) {
			apptest.TakesSeconds(t)
			t.Parallel()
			s, first, pids, clients := three(t, "upgrade: {spread: 0s}\n")
			endProcess(s, pids[killed])
			follow(s, 1)
			for i, c := range clients {
				if i != killed {
					answers(t, c)
				}
			}
			another := secured(s)
			answers(t, another)
			u := upgrade(t, s)
			follow(s, 2)
			for i, c := range clients {
				if i != killed {
					answers(t, c)
				}
			}
			_ = syscall.Kill(u.PID, syscall.SIGTERM)
			s.Eventually("all have ended", func() bool { return isGone(pids[1]) && isGone(pids[2]) && isGone(u.PID) })
			if err := first.exited(); killed != 0 && err != nil {
				t.Errorf("got %v, want exit 0", err)
			}
		})
	}
}

func TestAStopOfTheOneThatServesEndsAllAndTellsTheirClientsToComeLater(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, first, pids, clients := three(t, "upgrade: {spread: 0s}\n")
	_ = syscall.Kill(pids[2], syscall.SIGTERM)
	for i, c := range clients {
		if code := closeCode(c); code != 4100 {
			t.Errorf("client %d: got %d, want 4100: nobody serves", i, code)
		}
		c.Close()
	}
	if err := first.exited(); err != nil {
		t.Errorf("got %v, want exit 0", err)
	}
	s.Eventually("all have ended", func() bool { return isGone(pids[1]) && isGone(pids[2]) })
	again := startApart(t, "serve", "-c", s.File)
	again.until(`"serving"`)
	again.stop()
}

func TestAServiceManagerThatStopsAllProcessesSendsNobodyToOneThatStops(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, first, pids, clients := three(t, "upgrade: {spread: 0s}\n")
	for _, pid := range pids { // the oldest one first
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	for i, c := range clients {
		if code := closeCode(c); code != 4100 {
			t.Errorf("client %d: got %d, want 4100: nobody serves", i, code)
		}
		c.Close()
	}
	if err := first.exited(); err != nil {
		t.Errorf("got %v, want exit 0", err)
	}
	s.Eventually("all have ended", func() bool { return isGone(pids[1]) && isGone(pids[2]) })
}

func TestAStopOfAnOldProcessSendsItsClientsToTheNewOne(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, first, pids, clients := three(t, "upgrade: {spread: 0s}\n")
	before := closedByNow(s)
	first.signal(syscall.SIGTERM)
	if code := closeCode(clients[0]); code != 4200 {
		t.Errorf("got %d, want 4200", code)
	}
	clients[0].Close()
	if err := first.exited(); err != nil {
		t.Errorf("got %v, want exit 0", err)
	}
	follow(s, 1)
	answers(t, clients[1])
	answers(t, clients[2])
	if now := closedByNow(s); now != before+1 {
		t.Errorf("got %v closed clients, want %v", now, before+1)
	}
	if isGone(pids[1]) || isGone(pids[2]) {
		t.Error("another process has ended, too")
	}
}

// closedByNow is how many clients have ended, at all processes.
func closedByNow(s *apptest.Stack) (n int) {
	s.T.Helper()
	for line := range strings.Lines(s.Metrics()) {
		if strings.HasPrefix(line, "fermata_connection_seconds_count ") {
			fmt.Sscan(strings.Fields(line)[1], &n)
		}
	}
	return n
}
