package main

import (
	"encoding/json"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

func TestADryRunForecastsTheLoadAndRefusesWhatHasNoRoom(t *testing.T) {
	s := apptest.New(t, 3, apptest.Even)
	clients := s.Visit(9)
	s.Configure(s.Capped(0, 4, 5) + apptest.Even)
	s.Reload()
	wantCLI(s, exitDone, "NODE      CONNECTIONS  AFTER  MAX\nreverb-2  3            4      4\nreverb-3  3            5      5\n", "", "drain", "reverb-1", "--dry-run")
	_, out, _ := cli(s, "drain", "reverb-1", "--dry-run", "--json")
	var node admin.Node
	if err := json.Unmarshal([]byte(out), &node); err != nil || node.Drain != nil || len(node.Forecast) != 2 || node.Forecast[1] != (admin.Load{Node: "reverb-3", Connections: 3, After: 5, MaxConnections: 5}) {
		t.Errorf("got %s and %v, want a ready node and the forecast", out, err)
	}

	s.Configure(s.Capped(0, 4, 4) + apptest.Even)
	s.Reload()
	for _, args := range [][]string{{"--dry-run"}, {}, {"--wait"}} {
		wantCLI(s, exitRefused, "", "the other nodes have no room: 1 too many for their max_connections (--force", append([]string{"drain", "reverb-1"}, args...)...)
	}
	wantCLI(s, exitDone, "reverb-3  3            5      4\n", "", "drain", "reverb-1", "--dry-run", "--force")
	if got := s.NodesNow()["reverb-1"]; got.State != admin.StateReady {
		t.Errorf("got %s, want a node that is left alone", got.State)
	}
	clients.WantMoves(apptest.AtMost(0))
}

func TestAWaitStopsAtItsOwnLimitAndTheDrainGoesOn(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	wantCLI(s, exitNotInTime, "1 of 1 left, 100/s, beginning in ", p.Node+" still has 1 client; the drain goes on", "drain", p.Node, "--grace", "1h", "--deadline", "2h", "--wait", "--timeout", "100ms")
	if got := s.NodesNow()[p.Node].State; got != admin.StateDraining {
		t.Errorf("got %s, want draining", got)
	}
}
