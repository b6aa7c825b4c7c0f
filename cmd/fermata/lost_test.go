package main

import (
	"net/http"
	"strings"
	"testing"
)

// patiently makes checks that a busy machine passes, and that decide at once.
const patiently = even + "health: {type: http, interval: 1s, timeout: 1s, rise: 1, fall: 1}\n"

func TestNobodyIsMovedWhenAllNodesStopAnsweringAtOnce(t *testing.T) {
	s := newStack(t, 4, patiently)
	clients := s.visit(12)
	for _, n := range s.nodes {
		n.Freeze()
		t.Cleanup(n.Thaw)
	}
	s.logs.wait(t, "panic")
	for _, n := range s.nodes {
		n.Thaw()
	}
	s.logs.wait(t, "panic over")
	clients.wantMoves(atMost(0))
	if on := perNodeOf(clients.now()); on["reverb-1"] != 3 || on["reverb-4"] != 3 {
		t.Errorf("got clients on %v, want 3 on each of 4 nodes, as before", on)
	}
}

func TestAFrozenAndADeadNodeAreMovedOffWithoutAPanic(t *testing.T) {
	s := newStack(t, 3, patiently)
	clients := s.visit(9)
	s.nodes[0].Freeze()
	t.Cleanup(s.nodes[0].Thaw)
	clients.wait("nobody on the frozen node", none("reverb-1"))
	s.nodes[1].Kill()
	clients.wait("nobody on the dead node", none("reverb-1", "reverb-2"))
	s.waitMetric(`fermata_node_up{node="reverb-2"} 0`)
	if s.logs.has("panic") {
		t.Error("got a panic, want none: one node fails its checks, and nobody listens at another")
	}
}

func TestANodeThatEndsForWantOfExtUvHasItsCauseNamed(t *testing.T) {
	const most = 900
	s := newStack(t, 1, "limits: {upgrades_per_second: 0}\n")
	wires := make([]*wire, most)
	for i := range wires {
		wires[i] = s.wire(wireUpgrade + "\r\n")
	}
	for _, w := range wires {
		if r, _ := http.ReadResponse(w.from, nil); r == nil || r.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got %v, want 101", r)
		}
	}
	s.nodes[0].Kill() // as select() does it: at once, and without a word
	line := s.logs.wait(t, "node ended at the limit of Reverb without ext-uv")
	if line["node"] != "reverb-1" || line["clients"] != float64(most) || !strings.Contains(line["reason"].(string), "max_connections: 950") {
		t.Errorf("got %v, want the node, its clients and what to do", line)
	}
}
