package admin_test

import (
	"encoding/json"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

// threeMembers is the Fermata edge-1 of a cluster of three, with two nodes.
func threeMembers() *admintest.Control {
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 60, Members: []admin.MemberNode{
			{Member: "edge-1", Health: admin.HealthUp, State: admin.StateReady, Connections: 10},
			{Member: "edge-2", Health: admin.HealthUp, State: admin.StateReady, Connections: 20},
			{Member: "edge-3", Health: admin.HealthUp, State: admin.StateReady, Connections: 30},
		}},
		admin.Node{Name: "reverb-2", Connections: 3, Reason: "down on edge-2: connection refused", Members: []admin.MemberNode{
			{Member: "edge-1", Health: admin.HealthUp, Reason: "connected", State: admin.StateReady, Connections: 1},
			{Member: "edge-2", Health: admin.HealthDown, Reason: "connection refused", State: admin.StateReady},
			{Member: "edge-3", Health: admin.HealthUp, State: admin.StateReady, Connections: 2},
		}},
	)
	control.Cluster = &admin.Cluster{Name: "default", Member: "edge-1", Members: []admin.Member{
		{Name: "edge-1", ID: "a1", Version: "1.2.0", Clients: 11, Ready: true, Self: true},
		{Name: "edge-2", ID: "b2", Version: "1.2.0", Clients: 20},
		{Name: "edge-3", ID: "c3", Version: "1.1.0", Clients: 32, Stopping: true},
	}}
	return control
}

func TestOneMemberShowsWhatAllHaveAndLocallyItsOwn(t *testing.T) {
	s := server(threeMembers(), "")
	want := func(path string, connections, members int) {
		t.Helper()
		var list admin.NodeList
		w := ask(s, "GET", path, "")
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 || list.Cluster == nil || len(list.Cluster.Members) != 3 {
			t.Fatalf("%s: got %d %s", path, w.Code, w.Body)
		}
		if n := list.Nodes[0]; n.Connections != connections || len(n.Members) != members {
			t.Errorf("%s: got %d connections of %d members, want %d of %d", path, n.Connections, len(n.Members), connections, members)
		}
	}
	want("/v1/nodes", 60, 3)
	want("/v1/nodes?local=0", 60, 3)
	want("/v1/nodes?local=1", 10, 0)
	want("/v1/nodes?local=true", 10, 0)
	for _, path := range []string{"/v1/nodes", "/v1/nodes/reverb-1", "/v1/live"} {
		wantError(t, ask(s, "GET", path+"?local=yes", ""), 400, "bad_input", `local: got "yes", want 1 or 0`)
		wantError(t, ask(s, "GET", path+"?local=", ""), 400, "bad_input", `local: got "", want 1 or 0`)
		wantError(t, ask(s, "GET", path+"?local=1&local=0", ""), 400, "bad_input", "local: got it 2 times")
	}
	var node admin.Node
	if w := ask(s, "GET", "/v1/nodes/reverb-1?local=1", ""); json.Unmarshal(w.Body.Bytes(), &node) != nil || node.Connections != 10 {
		t.Errorf("got %s, want this member's 10 connections", w.Body)
	}
}

func TestWithRedisAwayNothingIsDecidedButLocally(t *testing.T) {
	control := threeMembers()
	control.Cluster.Away = "connection refused"
	s := server(control, "")
	for _, change := range [][3]string{
		{"POST", "/v1/nodes/reverb-1/drain", ""},
		{"POST", "/v1/nodes/reverb-1/undrain", ""},
		{"PUT", "/v1/roll", `"nodes":["reverb-1"]`},
		{"DELETE", "/v1/roll", ""},
		{"POST", "/v1/rebalance", ""},
	} {
		method, path, body := change[0], change[1], change[2]
		wantError(t, ask(s, method, path, "{"+body+"}"), 503, "cluster_away", "the cluster's Redis cannot be reached: connection refused")
		if body != "" {
			body += ","
		}
		if w := ask(s, method, path, "{"+body+`"local":true}`); w.Code != 200 {
			t.Errorf("%s %s locally: got %d %s", method, path, w.Code, w.Body)
		}
		wantError(t, ask(s, method, path, "{"+body+`"local":"yes"}`), 400, "bad_input", "local: got string, want true or false")
	}
	if w := ask(s, "GET", "/v1/nodes", ""); w.Code != 200 {
		t.Errorf("got %d %s, want what is known", w.Code, w.Body)
	}
}

func TestAStepOfARollThatSomebodyElseHasTakenIsRefused(t *testing.T) {
	control := twoNodes()
	s := server(control, "")
	begin := func(runner string) (roll admin.Roll) {
		t.Helper()
		w := ask(s, "PUT", "/v1/roll", `{"nodes":["reverb-1"],"runner":"`+runner+`"}`)
		if err := json.Unmarshal(w.Body.Bytes(), &roll); err != nil || w.Code != 200 || roll.Until.IsZero() || roll.Fence == 0 {
			t.Fatalf("got %d %s, want a roll with a number and a lease", w.Code, w.Body)
		}
		return roll
	}
	first := begin("deploy:1")
	wantError(t, ask(s, "PUT", "/v1/roll", `{"nodes":["reverb-2"],"runner":"deploy:2"}`), 409, "refused", "another roll is run by deploy:1")
	if w := ask(s, "POST", "/v1/nodes/reverb-1/drain", `{"fence":1}`); w.Code != 200 {
		t.Errorf("got %d %s, want the step to be done", w.Code, w.Body)
	}
	ask(s, "DELETE", "/v1/roll", "")
	if second := begin("deploy:2"); second.Fence <= first.Fence {
		t.Errorf("got the numbers %d and then %d, want them to grow", first.Fence, second.Fence)
	}
	for _, step := range [][3]string{
		{"POST", "/v1/nodes/reverb-1/drain", `{"fence":1}`},
		{"POST", "/v1/nodes/reverb-1/undrain", `{"fence":1}`},
		{"PUT", "/v1/roll", `{"nodes":["reverb-1"],"runner":"deploy:1","fence":1}`},
		{"DELETE", "/v1/roll", `{"fence":1}`},
	} {
		wantError(t, ask(s, step[0], step[1], step[2]), 409, "roll_lost", "it is run by deploy:2 now")
	}
	wantError(t, ask(s, "POST", "/v1/nodes/reverb-1/drain", `{"fence":-1}`), 400, "bad_input", "fence: got number -1, want a whole number, 0 or more")
}
