package main

import (
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// fits has so many clients come to the listener without TLS, and one more in vain.
func fits(s *apptest.Stack, most int) {
	s.T.Helper()
	for range most {
		s.DialInTime().Answers()
	}
	if p, err := s.TryDial(); err == nil {
		s.T.Errorf("got a client on %s, want no more than %d", p.Node, most)
	}
}

func TestANodesCapHoldsForBothProcessesTogether(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	nodes, urls := apptest.StartNodes(t, 2)
	s := apptest.Configured(t, urls, "")
	s.Nodes = nodes
	s.Configure(secureAndPlain(t, s.Capped(4, 4)+"timeouts: {close: 1s}\nupgrade: {spread: 0s}\n"))
	p := startApart(t, "serve", "-c", s.File)
	s.Address = p.until(`"listening","address":"([^"]+)"`)[1]
	plain := p.until(`"listening","address":"([^"]+)"`)[1]
	p.until(`"serving"`)
	var clients []*apptest.Wire
	for range 6 {
		clients = append(clients, secured(s))
	}
	s.Address = plain
	upgrade(t, s)
	fits(s, 2)
	clients[0].Close()
	fits(s, 1)
	sum := 0
	for name, n := range s.NodesNow() {
		if sum += n.Connections; n.Connections > 4 {
			t.Errorf("%s: got %d clients, want 4 at most", name, n.Connections)
		}
	}
	if sum != 8 {
		t.Errorf("got %d clients, want those of both processes, 8", sum)
	}
	for _, c := range clients[1:] {
		answers(t, c)
	}
}

func TestTheMostClientsAreThoseOfBothProcesses(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, "limits: {max_clients: 5}\nupgrade: {spread: 0s}\n"))
	for range 3 {
		secured(s)
	}
	s.Address = p.listening[1]
	upgrade(t, s)
	fits(s, 2)
	s.HasMetric("fermata_clients 5")
}

func TestADrainMovesTheClientsOfBothProcesses(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, apptest.Even+"upgrade: {spread: 0s}\n"))
	var olds []*apptest.Wire
	for range 4 {
		olds = append(olds, secured(s))
	}
	s.Address = p.listening[1]
	upgrade(t, s)
	s.Dial().Answers()
	s.Dial().Answers()
	had := s.NodesNow()["reverb-1"].Connections
	code, _, errOut := cli(s, "drain", "reverb-1", "--rate", "0", "--wait")
	if code != exitDone {
		t.Errorf("drain: got exit %d, %s", code, errOut)
	}
	now := s.NodesNow()["reverb-1"]
	if had < 3 || now.State != admin.StateDrained || now.Drain.Closed != had || now.Drain.Initial != had {
		t.Errorf("got %s, %+v, want the %d clients of both processes to be closed", now.State, now.Drain, had)
	}
	if list := nodesNow(s).Predecessors; len(list) != 1 || list[0].Clients == len(olds) {
		t.Errorf("got %+v, want some of the %d clients to have gone from the old process", list, len(olds))
	}
	wantCLI(s, exitDone, "", "", "undrain", "reverb-1")
	if now := s.NodesNow()["reverb-1"]; now.State != admin.StateReady {
		t.Errorf("got %s, want %s", now.State, admin.StateReady)
	}
}
