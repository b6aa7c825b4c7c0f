package proxy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestClientsAreCountedByTheAppThatGreetedThem(t *testing.T) {
	s := apptest.New(t, 1, "")
	first, second := s.Dial(), s.Dial()
	s.WaitMetric(`fermata_app_connections{app="` + devnode.DefaultAppKey + `",node="reverb-1"} 2`)
	if got := s.NodesNow()["reverb-1"].Apps; len(got) != 1 || got[devnode.DefaultAppKey] != 2 {
		t.Errorf("status: got %v, want two clients of the app", got)
	}

	made := s.Wire(strings.Replace(apptest.WireUpgrade, devnode.DefaultAppKey, "made-up", 1) + "\r\n")
	if r, _ := made.Answer(); r.StatusCode != 101 {
		t.Fatalf("an unknown key: got %d, want the node's 101", r.StatusCode)
	}
	made.Frame() // pusher:error
	made.Frame() // Close
	made.Close()
	s.Logs.Wait(t, "client closed")
	if metrics := s.Metrics(); strings.Contains(metrics, "made-up") {
		t.Errorf("got\n%s\nwant nothing of a key that a stranger made up", apptest.Grep(metrics, "made-up"))
	}

	first.CloseNow()
	s.Logs.Wait(t, "client closed")
	s.HasMetric(`fermata_app_connections{app="` + devnode.DefaultAppKey + `",node="reverb-1"} 1`)
	second.CloseNow()
	s.Logs.Wait(t, "client closed")
	if got := apptest.Grep(s.Metrics(), "fermata_app_connections{"); got != "" {
		t.Errorf("got %s, want no app without clients", got)
	}
}

func TestWhatANodeRelaysIsCountedWhileItsClientsAreThere(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	p.Answers()
	s.WaitMetric(`fermata_node_relay_messages_total{direction="to_node",node="` + p.Node + `"} 1`)
	s.WaitMetric(`fermata_node_relay_messages_total{direction="to_client",node="` + p.Node + `"} 2`)
	p.CloseNow()
	line := s.Logs.Wait(t, "client closed")
	metrics := s.Metrics()
	for _, direction := range []string{"to_node", "to_client"} {
		bytes, err := json.Marshal(line["bytes_"+direction])
		if want := `fermata_node_relay_bytes_total{direction="` + direction + `",node="` + p.Node + `"} ` + string(bytes) + "\n"; err != nil || !strings.Contains(metrics, want) {
			t.Errorf("got\n%s\nwant %s", apptest.Grep(metrics, "fermata_node_relay_bytes"), want)
		}
	}
}

func TestTheLoopsDelayIsKnownWhereTheCheckAsks(t *testing.T) {
	f := func(health string, measured bool) {
		t.Helper()
		s := apptest.New(t, 1, "health: "+health+"\n")
		s.Logs.Wait(t, "node up")
		if got := strings.Contains(s.Metrics(), `fermata_node_loop_seconds_count{node="reverb-1"} `); got != measured {
			t.Errorf("%s: got the metric %v, want %v", health, got, measured)
		}
		if got := s.NodesNow()["reverb-1"].Loop; got > 0 != measured || got > apptest.Timeout.Seconds() {
			t.Errorf("%s: status says %v s, want some: %v", health, got, measured)
		}
	}
	f("{type: reverb, reverb: {app_key: "+devnode.DefaultAppKey+"}}", true)
	f("{type: http}", true)
	f("{type: tcp}", false)
}

func TestANodeThatIsGoneLeavesNoCounts(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	p.Answers()
	s.URLs = s.URLs[:1]
	if p.Node == "reverb-1" {
		s.Configure("nodes: [{name: reverb-2, url: \"" + s.Nodes[1].URL() + "\"}]\n")
	} else {
		s.Configure("")
	}
	s.Reload()
	p.Closed()
	s.Logs.Wait(t, "drained")
	s.Eventually("no metric of the node that is gone", func() bool { return !strings.Contains(s.Metrics(), `node="`+p.Node+`"`) })
}
