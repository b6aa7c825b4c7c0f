package main

import (
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
