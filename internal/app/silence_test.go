package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// silently is checks over TCP, which a frozen node passes, and clients that are
// patient themselves.
const silently = "timeouts: {answer: 1s, response: 1m, close: 1s}\nhealth: {interval: 1s, timeout: 1s, rise: 1}\n"

// publish sends an event, whose answer is still to come.
func publish(s *apptest.Stack) *apptest.Wire {
	s.T.Helper()
	return s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(apptest.Event)) + apptest.Event)
}

func TestAFrozenNodeThatTakesConnectionsIsFoundOutByItsClients(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, silently)
	s.Nodes[0].Freeze()
	t.Cleanup(s.Nodes[0].Thaw)
	waiting := []*apptest.Wire{publish(s), publish(s)} // one of them at each node
	codes := map[int]int{}
	for _, w := range waiting {
		r, text := w.Answer()
		codes[r.StatusCode]++
		if r.StatusCode == http.StatusBadGateway && !strings.Contains(text, "went down before it answered") {
			t.Errorf("got %q, want it to say why", text)
		}
	}
	if codes[200] != 1 || codes[502] != 1 {
		t.Errorf("got the codes %v, want one 200 and one 502", codes)
	}
	if got := s.Nodes[1].Stats().Published; got != 1 {
		t.Errorf("got %d events at the other node, want 1: a POST that was sent is not repeated", got)
	}
	for range 4 {
		if p := s.Dial(); p.Node != "reverb-2" {
			t.Errorf("got %s, want reverb-2", p.Node)
		}
		if r, _ := publish(s).Answer(); r.StatusCode != 200 {
			t.Errorf("got %d, want 200", r.StatusCode)
		}
	}
	s.HasMetric(`fermata_node_down{cause="no_answer",node="reverb-1"} 1`)
	s.Nodes[0].Thaw()
	s.WaitMetric(`fermata_node_up{node="reverb-1"} 1`)
	if down := s.Logs.Wait(t, "node down"); down["node"] != "reverb-1" {
		t.Errorf("got %v down, want reverb-1", down)
	}
	if s.Logs.Has("node down") {
		t.Error("got a node that went down twice, want once: connects alone do not bring it up")
	}
}

func TestTheStartSaysWhichCheckWouldSeeMore(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.NewFront(t, []string{apptest.Refusing(t), apptest.StartNode(t, devnode.Options{}).URL()}, "")
	if line := s.Logs.Wait(t, "health.type http would see more than tcp"); line["node"] != "reverb-2" {
		t.Errorf("got %v, want reverb-2, which answers", line)
	}
}

func TestAnUpgradeThatGetsNoAnswerIsHeldAgainstItsNode(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	frozen := apptest.StartNode(t, devnode.Options{Name: "first"})
	other := apptest.StartNode(t, devnode.Options{Name: "second"})
	s := apptest.NewFront(t, nil, apptest.TwoNodes(frozen.URL(), other.URL())+"timeouts: {answer: 1s}\nhealth: {interval: 1m, timeout: 1s}\n")
	frozen.Freeze()
	t.Cleanup(frozen.Thaw)
	if p := s.Dial(); p.Node != "second" {
		t.Errorf("got %s, want the other node", p.Node)
	}
	s.WaitMetric(`fermata_node_up{node="first"} 0`)
}

func TestAnUpgradeThatWaitsGoesOnWhenItsNodeGoesDown(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	frozen := apptest.StartNode(t, devnode.Options{Name: "first"})
	other := apptest.StartNode(t, devnode.Options{Name: "second"})
	s := apptest.NewFront(t, nil, apptest.TwoNodes(frozen.URL(), other.URL())+apptest.Patient+"health: {type: http, interval: 1s, timeout: 1s}\n")
	frozen.Freeze()
	t.Cleanup(frozen.Thaw)
	if p := s.Dial(); p.Node != "second" { // within apptest.Timeout, while the node may take a minute
		t.Errorf("got %s, want the other node", p.Node)
	}
	s.HasMetric(`fermata_handshakes_total{node="first",result="timeout"} 1`)
}

func TestANodeIsNotDownForOneEndpointThatTakesLong(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, "timeouts: {answer: 1s, response: 1s}\nhealth: {interval: 1s, timeout: 1s}\n")
	s.Nodes[0].SetFaults(devnode.Faults{Hang: true}) // upgrades hang, all else is answered
	s.Wire(apptest.WireUpgrade + "\r\n")
	s.WaitMetric(`fermata_handshakes_total{node="reverb-1",result="timeout"} 1`)
	s.Nodes[0].SetFaults(devnode.Faults{})
	s.Dial()
	if s.Logs.Has("node down") {
		t.Error("got the node down, want it up: it answers other requests")
	}
}
