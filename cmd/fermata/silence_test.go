package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"fermata/internal/lab/devnode"
)

// silently is checks over TCP, which a frozen node passes, and clients that are
// patient themselves.
const silently = "timeouts: {answer: 1s, response: 1m, close: 1s}\nhealth: {interval: 1s, timeout: 1s, rise: 1}\n"

// publish sends an event, whose answer is still to come.
func (s *stack) publish() *wire {
	s.t.Helper()
	return s.wire(signedPost(event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(event)) + event)
}

func TestAFrozenNodeThatTakesConnectionsIsFoundOutByItsClients(t *testing.T) {
	s := newStack(t, 2, silently)
	s.nodes[0].Freeze()
	t.Cleanup(s.nodes[0].Thaw)
	waiting := []*wire{s.publish(), s.publish()} // one of them at each node
	codes := map[int]int{}
	for _, w := range waiting {
		r, text := w.answer()
		codes[r.StatusCode]++
		if r.StatusCode == http.StatusBadGateway && !strings.Contains(text, "went down before it answered") {
			t.Errorf("got %q, want it to say why", text)
		}
	}
	if codes[200] != 1 || codes[502] != 1 {
		t.Errorf("got the codes %v, want one 200 and one 502", codes)
	}
	if got := s.nodes[1].Stats().Published; got != 1 {
		t.Errorf("got %d events at the other node, want 1: a POST that was sent is not repeated", got)
	}
	for range 4 {
		if p := s.dial(); p.node != "reverb-2" {
			t.Errorf("got %s, want reverb-2", p.node)
		}
		if r, _ := s.publish().answer(); r.StatusCode != 200 {
			t.Errorf("got %d, want 200", r.StatusCode)
		}
	}
	s.hasMetric(`fermata_node_down{cause="no_answer",node="reverb-1"} 1`)
	s.nodes[0].Thaw()
	s.waitMetric(`fermata_node_up{node="reverb-1"} 1`)
	if down := s.logs.wait(t, "node down"); down["node"] != "reverb-1" {
		t.Errorf("got %v down, want reverb-1", down)
	}
	if s.logs.has("node down") {
		t.Error("got a node that went down twice, want once: connects alone do not bring it up")
	}
}

func TestTheStartSaysWhichCheckWouldSeeMore(t *testing.T) {
	s := newFront(t, []string{refusing(t), startNode(t, devnode.Options{}).URL()}, "")
	if line := s.logs.wait(t, "health.type http would see more than tcp"); line["node"] != "reverb-2" {
		t.Errorf("got %v, want reverb-2, which answers", line)
	}
}

func TestAnUpgradeThatGetsNoAnswerIsHeldAgainstItsNode(t *testing.T) {
	frozen := startNode(t, devnode.Options{Name: "first"})
	other := startNode(t, devnode.Options{Name: "second"})
	s := newFront(t, nil, first(frozen.URL(), other.URL())+"timeouts: {answer: 1s}\nhealth: {interval: 1m, timeout: 1s}\n")
	frozen.Freeze()
	t.Cleanup(frozen.Thaw)
	if p := s.dial(); p.node != "second" {
		t.Errorf("got %s, want the other node", p.node)
	}
	s.waitMetric(`fermata_node_up{node="first"} 0`)
}

func TestAnUpgradeThatWaitsGoesOnWhenItsNodeGoesDown(t *testing.T) {
	frozen := startNode(t, devnode.Options{Name: "first"})
	other := startNode(t, devnode.Options{Name: "second"})
	s := newFront(t, nil, first(frozen.URL(), other.URL())+patient+"health: {type: http, interval: 1s, timeout: 1s}\n")
	frozen.Freeze()
	t.Cleanup(frozen.Thaw)
	if p := s.dial(); p.node != "second" { // within testTimeout, while the node may take a minute
		t.Errorf("got %s, want the other node", p.node)
	}
	s.hasMetric(`fermata_handshakes_total{node="first",result="timeout"} 1`)
}

func TestANodeIsNotDownForOneEndpointThatTakesLong(t *testing.T) {
	s := newStack(t, 1, "timeouts: {answer: 100ms, response: 1s}\nhealth: {interval: 1s, timeout: 1s}\n")
	s.nodes[0].SetFaults(devnode.Faults{Hang: true}) // upgrades hang, all else is answered
	s.wire(wireUpgrade + "\r\n")
	s.waitMetric(`fermata_handshakes_total{node="reverb-1",result="timeout"} 1`)
	s.nodes[0].SetFaults(devnode.Faults{})
	s.dial()
	if s.logs.has("node down") {
		t.Error("got the node down, want it up: it answers other requests")
	}
}
