package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/lab/devnode"
)

// node's numbers as status --json has them.
func (s *stack) status(node string) admin.Node {
	s.t.Helper()
	_, out, _ := s.cli("status", "--json")
	var list admin.NodeList
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		s.t.Fatalf("status: %s: %v", out, err)
	}
	for _, n := range list.Nodes {
		if n.Name == node {
			return n
		}
	}
	s.t.Fatalf("no node %s in %s", node, out)
	return admin.Node{}
}

func TestClientsAreCountedByTheAppThatGreetedThem(t *testing.T) {
	s := newStack(t, 1, "")
	first, second := s.dial(), s.dial()
	s.waitMetric(`fermata_app_connections{app="` + devnode.DefaultAppKey + `",node="reverb-1"} 2`)
	if got := s.status("reverb-1").Apps; len(got) != 1 || got[devnode.DefaultAppKey] != 2 {
		t.Errorf("status: got %v, want two clients of the app", got)
	}

	made := s.wire(strings.Replace(wireUpgrade, devnode.DefaultAppKey, "made-up", 1) + "\r\n")
	if r, _ := made.answer(); r.StatusCode != 101 {
		t.Fatalf("an unknown key: got %d, want the node's 101", r.StatusCode)
	}
	s.logs.wait(t, "client closed")
	if metrics := s.metrics(); strings.Contains(metrics, "made-up") {
		t.Errorf("got\n%s\nwant nothing of a key that a stranger made up", grep(metrics, "made-up"))
	}

	first.CloseNow()
	s.logs.wait(t, "client closed")
	s.hasMetric(`fermata_app_connections{app="` + devnode.DefaultAppKey + `",node="reverb-1"} 1`)
	second.CloseNow()
	s.logs.wait(t, "client closed")
	if got := grep(s.metrics(), "fermata_app_connections{"); got != "" {
		t.Errorf("got %s, want no app without clients", got)
	}
}

func TestWhatANodeRelaysIsCountedWhileItsClientsAreThere(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	p.answers()
	s.waitMetric(`fermata_node_relay_messages_total{direction="to_node",node="` + p.node + `"} 1`)
	s.waitMetric(`fermata_node_relay_messages_total{direction="to_client",node="` + p.node + `"} 2`)
	p.CloseNow()
	line := s.logs.wait(t, "client closed")
	metrics := s.metrics()
	for _, direction := range []string{"to_node", "to_client"} {
		bytes, err := json.Marshal(line["bytes_"+direction])
		if want := `fermata_node_relay_bytes_total{direction="` + direction + `",node="` + p.node + `"} ` + string(bytes) + "\n"; err != nil || !strings.Contains(metrics, want) {
			t.Errorf("got\n%s\nwant %s", grep(metrics, "fermata_node_relay_bytes"), want)
		}
	}
}

func TestTheLoopsDelayIsKnownWhereTheCheckAsks(t *testing.T) {
	f := func(health string, measured bool) {
		t.Helper()
		s := newStack(t, 1, "health: "+health+"\n")
		s.logs.wait(t, "node up")
		if got := strings.Contains(s.metrics(), `fermata_node_loop_seconds_count{node="reverb-1"} `); got != measured {
			t.Errorf("%s: got the metric %v, want %v", health, got, measured)
		}
		if got := s.status("reverb-1").Loop; got > 0 != measured || got > testTimeout.Seconds() {
			t.Errorf("%s: status says %v s, want some: %v", health, got, measured)
		}
	}
	f("{type: reverb, reverb: {app_key: "+devnode.DefaultAppKey+"}}", true)
	f("{type: http}", true)
	f("{type: tcp}", false)
}

func TestANodeThatIsGoneLeavesNoCounts(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	p.answers()
	s.urls = s.urls[:1]
	if p.node == "reverb-1" {
		s.configure("nodes: [{name: reverb-2, url: \"" + s.nodes[1].URL() + "\"}]\n")
	} else {
		s.configure("")
	}
	s.reload()
	p.closed()
	s.logs.wait(t, "drained")
	for deadline := time.Now().Add(testTimeout); strings.Contains(s.metrics(), `node="`+p.node+`"`); {
		if time.Now().After(deadline) {
			t.Fatalf("got\n%s\nwant nothing of it", grep(s.metrics(), p.node))
		}
	}
}
