package app_test

import (
	"net/http"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
)

// patiently makes checks that a busy machine passes, and that decide at once.
const patiently = apptest.Even + "health: {type: http, interval: 1s, timeout: 1s, rise: 1, fall: 1}\n"

func TestNobodyIsMovedWhenAllNodesStopAnsweringAtOnce(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 4, patiently)
	clients := s.Visit(12)
	for _, n := range s.Nodes {
		n.Freeze()
		t.Cleanup(n.Thaw)
	}
	s.Logs.Wait(t, "panic")
	for _, n := range s.Nodes {
		n.Thaw()
	}
	s.Logs.Wait(t, "panic over")
	clients.WantMoves(apptest.AtMost(0))
	if on := apptest.PerNodeOf(clients.Now()); on["reverb-1"] != 3 || on["reverb-4"] != 3 {
		t.Errorf("got clients on %v, want 3 on each of 4 nodes, as before", on)
	}
}

func TestAFrozenAndADeadNodeAreMovedOffWithoutAPanic(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, patiently)
	clients := s.Visit(9)
	s.Nodes[0].Freeze()
	t.Cleanup(s.Nodes[0].Thaw)
	clients.Wait("nobody on the frozen node", apptest.None("reverb-1"))
	s.Nodes[1].Kill()
	clients.Wait("nobody on the dead node", apptest.None("reverb-1", "reverb-2"))
	s.WaitMetric(`fermata_node_up{node="reverb-2"} 0`)
	if s.Logs.Has("panic") {
		t.Error("got a panic, want none: one node fails its checks, and nobody listens at another")
	}
}

func TestANodeThatEndsForWantOfExtUvHasItsCauseNamed(t *testing.T) {
	t.Parallel()
	const most = 900
	s := apptest.New(t, 1, "limits: {upgrades_per_second: 0}\n")
	wires := make([]*apptest.Wire, most)
	for i := range wires {
		wires[i] = s.Wire(apptest.WireUpgrade + "\r\n")
	}
	for _, w := range wires {
		if r, _ := http.ReadResponse(w.From, nil); r == nil || r.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got %v, want 101", r)
		}
	}
	s.Nodes[0].Kill() // as select() does it: at once, and without a word
	line := s.Logs.Wait(t, "node ended at the limit of Reverb without ext-uv")
	if line["node"] != "reverb-1" || line["clients"] != float64(most) || !strings.Contains(line["reason"].(string), "max_connections: 950") {
		t.Errorf("got %v, want the node, its clients and what to do", line)
	}
}
