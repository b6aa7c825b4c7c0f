package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/admin"
)

// capped is the configuration of the stack's nodes with caps, 0 for none.
func (s *stack) capped(caps ...int) (text string) {
	text = "nodes:\n"
	for i, url := range s.urls {
		text += fmt.Sprintf("  - {name: reverb-%d, url: %q, max_connections: %s}\n", i+1, url, balancer.Cap(caps[i]))
	}
	return text
}

// wantCLI runs a command and looks for parts of what it says.
func (s *stack) wantCLI(exit int, out, errOut string, args ...string) {
	s.t.Helper()
	code, gotOut, gotErr := s.cli(args...)
	if code != exit || !strings.Contains(gotOut, out) || !strings.Contains(gotErr, errOut) {
		s.t.Errorf("%q: got exit %d\n%s%s\nwant %d with\n%s\n%s", args, code, gotOut, gotErr, exit, out, errOut)
	}
}

func TestADryRunForecastsTheLoadAndRefusesWhatHasNoRoom(t *testing.T) {
	s := newStack(t, 3, even)
	clients := s.visit(9)
	s.configure(s.capped(0, 4, 5) + even)
	s.reload()
	s.wantCLI(exitDone, "NODE      CONNECTIONS  AFTER  MAX\nreverb-2  3            4      4\nreverb-3  3            5      5\n", "", "drain", "reverb-1", "--dry-run")
	_, out, _ := s.cli("drain", "reverb-1", "--dry-run", "--json")
	var node admin.Node
	if err := json.Unmarshal([]byte(out), &node); err != nil || node.Drain != nil || len(node.Forecast) != 2 || node.Forecast[1] != (admin.Load{Node: "reverb-3", Connections: 3, After: 5, MaxConnections: 5}) {
		t.Errorf("got %s and %v, want a ready node and the forecast", out, err)
	}

	s.configure(s.capped(0, 4, 4) + even)
	s.reload()
	for _, args := range [][]string{{"--dry-run"}, {}, {"--wait"}} {
		s.wantCLI(exitRefused, "", "the other nodes have no room: 1 too many for their max_connections (--force", append([]string{"drain", "reverb-1"}, args...)...)
	}
	s.wantCLI(exitDone, "reverb-3  3            5      4\n", "", "drain", "reverb-1", "--dry-run", "--force")
	if got := s.nodesNow()["reverb-1"]; got.State != admin.StateReady {
		t.Errorf("got %s, want a node that is left alone", got.State)
	}
	clients.wantMoves(atMost(0))
}

func TestADrainLeavesAsManyNodesAsConfigured(t *testing.T) {
	s := newStack(t, 3, "drain: {min_usable: 2}\n")
	s.wantCLI(exitDone, "", "", "drain", "reverb-1")
	s.wantCLI(exitRefused, "", "too few usable nodes would be left: 1, want at least 2", "drain", "reverb-2", "--dry-run")
	s.wantCLI(exitRefused, "", "too few usable nodes would be left: 1, want at least 2", "drain", "reverb-2")
	s.wantCLI(exitDone, "", "", "drain", "reverb-2", "--force")
	s.wantCLI(exitRefused, "", "it is the last usable node", "drain", "reverb-3")
}

func TestAnotherDrainChangesOnlyWhatItGives(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	s.wantCLI(exitDone, "", "", "drain", p.node, "--grace", "1h", "--deadline", "2h", "--rate", "7", "--code", "4201", "--force")
	before := *s.nodesNow()[p.node].Drain
	if !before.Force || before.Begin.Sub(before.Started) != time.Hour || before.Deadline.Sub(before.Started) != 2*time.Hour {
		t.Errorf("got %+v, want what was asked for", before)
	}
	s.wantCLI(exitDone, "", "", "drain", p.node, "--rate", "9")
	want := before
	want.Rate = 9
	if got := *s.nodesNow()[p.node].Drain; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p.answers()
	s.wantCLI(exitDone, "is drained", "", "drain", p.node, "--grace", "0s", "--wait")
	if code := p.closed(); code != 4201 {
		t.Errorf("got the code %d, want 4201 as at first", code)
	}
}

func TestAnUndrainLeavesWhoHasNotBeenMoved(t *testing.T) {
	s := newStack(t, 2, even)
	clients := s.visit(20)
	s.wantCLI(exitDone, "", "", "drain", "reverb-1", "--rate", "2")
	clients.wait("a client that was moved", func(on map[string]int) bool { return on["reverb-2"] > 10 })
	s.wantCLI(exitDone, "reverb-1 is ready", "", "undrain", "reverb-1")
	if got := s.nodesNow()["reverb-1"]; got.Connections == 0 || got.Drain != nil {
		t.Errorf("got %d clients, drain %v, want those that were not moved, and no drain", got.Connections, got.Drain)
	}
	s.dialOn("reverb-1").answers()
	clients.wantMoves(atMost(1), 4200)
}

func TestAWaitStopsAtItsOwnLimitAndTheDrainGoesOn(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	s.wantCLI(exitNotInTime, "1 of 1 left, 100/s, beginning in ", p.node+" still has 1 client; the drain goes on", "drain", p.node, "--grace", "1h", "--deadline", "2h", "--wait", "--timeout", "100ms")
	if got := s.nodesNow()[p.node].State; got != admin.StateDraining {
		t.Errorf("got %s, want draining", got)
	}
}

func TestTwoNodesDrainAtOnce(t *testing.T) {
	s := newStack(t, 4, even)
	clients := s.visit(24)
	for _, node := range []string{"reverb-1", "reverb-2"} {
		s.wantCLI(exitDone, "", "", "drain", node, "--grace", "1h", "--deadline", "2h")
	}
	for _, node := range []string{"reverb-1", "reverb-2"} { // both take nobody now
		s.wantCLI(exitDone, "", "", "drain", node, "--grace", "0s")
	}
	for _, node := range []string{"reverb-1", "reverb-2"} {
		s.wantCLI(exitDone, node+" is drained", "", "drain", node, "--wait")
	}
	all := clients.wait("all clients on the two others", none("reverb-1", "reverb-2"))
	if on := perNodeOf(all); on["reverb-3"] != 12 || on["reverb-4"] != 12 {
		t.Errorf("got %v, want 12 on each of the two others", on)
	}
	clients.wantMoves(atMost(1), 4200)
}

func TestANodeThatDiesWhileItDrainsIsDrained(t *testing.T) {
	s := newStack(t, 2, even+"health: {interval: 100ms}\n")
	clients := s.visit(10)
	s.wantCLI(exitDone, "", "", "drain", "reverb-1", "--rate", "1", "--deadline", "1h")
	s.node("reverb-1").Kill()
	s.wantCLI(exitDone, "reverb-1 is drained", "", "drain", "reverb-1", "--wait")
	clients.wait("all clients on the other node", none("reverb-1"))
	for i, c := range clients.now() {
		if c.err != nil {
			t.Errorf("client %d: got %v, want it back", i, c.err)
		}
	}
	if got := s.nodesNow()["reverb-1"]; got.State != admin.StateDrained || got.Drain.Rate != 1 {
		t.Errorf("got %+v, want it drained as it was asked to", got)
	}
}

func TestADrainGoesOnOverAReload(t *testing.T) {
	s := newStack(t, 2, even)
	clients := s.visit(10)
	s.wantCLI(exitDone, "", "", "drain", "reverb-1", "--rate", "1", "--deadline", "1h")
	before := *s.nodesNow()["reverb-1"].Drain
	s.configure(even + "drain: {rate: 1000, close_code: 4100, grace: 1m}\n")
	s.reload()
	after := *s.nodesNow()["reverb-1"].Drain
	before.Remaining, after.Remaining = 0, 0
	if after != before {
		t.Errorf("after a reload: got %+v, want %+v", after, before)
	}
	s.wantCLI(exitDone, "reverb-1 is drained", "", "drain", "reverb-1", "--rate", "100", "--wait")
	clients.wait("all clients on the other node", none("reverb-1"))
	clients.wantMoves(atMost(1), 4200)
}

func TestADrainUnderWayGoesOnOverARestart(t *testing.T) {
	s := newStack(t, 2, even+fmt.Sprintf("state_dir: %q\n", filepath.Join(t.TempDir(), "state")))
	p, q := s.dial(), s.dial()
	if p.node == q.node {
		t.Fatalf("got both clients on %s", p.node)
	}
	s.wantCLI(exitDone, "", "", "drain", p.node, "--grace", "1h", "--deadline", "2h", "--rate", "3", "--code", "4201")
	before := *s.nodesNow()[p.node].Drain
	var answered sync.WaitGroup // the Close frames of the stop
	answered.Go(func() { p.closed() })
	answered.Go(func() { q.closed() })
	s.restart()
	answered.Wait()
	after := *s.nodesNow()[p.node].Drain
	if !after.Begin.Equal(before.Begin) || !after.Deadline.Equal(before.Deadline) || after.Rate != 3 || after.CloseCode != 4201 || after.Initial != 1 || after.Force {
		t.Errorf("after a restart: got %+v, want %+v", after, before)
	}
	again := s.dial(p.cookie)
	if again.node != q.node || again.cookie == nil {
		t.Errorf("after a restart: got %s with %v, want %s and its cookie", again.node, again.cookie, q.node)
	}
	s.wantCLI(exitDone, p.node+" is ready", "", "undrain", p.node)
}
