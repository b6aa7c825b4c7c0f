package admin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

func TestARollIsSetShownAndEnded(t *testing.T) {
	s := server(twoNodes(), "")
	want := func(method, body, want string) {
		t.Helper()
		w := ask(s, method, "/v1/roll", body)
		if got := strings.Join(strings.Fields(w.Body.String()), ""); w.Code != 200 || got != want {
			t.Errorf("%s %s: got %d %s, want %s", method, body, w.Code, got, want)
		}
	}
	want("GET", "", `{"nodes":[]}`)
	want("PUT", `{"nodes":["reverb-2","reverb-1"]}`, `{"nodes":["reverb-2","reverb-1"]}`)
	want("GET", "", `{"nodes":["reverb-2","reverb-1"]}`)
	want("DELETE", "", `{"nodes":[]}`)
	want("DELETE", "", `{"nodes":[]}`)
	want("GET", "", `{"nodes":[]}`)
}

func TestARollNeedsNodesThatThereAre(t *testing.T) {
	s := server(twoNodes(), "")
	wantError(t, ask(s, "PUT", "/v1/roll", `{"nodes":["reverb-1","nope"]}`), 404, "unknown_node", "nope")
	wantError(t, ask(s, "PUT", "/v1/roll", `{"nodes":["reverb-1","reverb-1"]}`), 400, "bad_input", `nodes: got "reverb-1" twice`)
	wantError(t, ask(s, "PUT", "/v1/roll", `{"nodes":[]}`), 400, "bad_input", "nodes: got none, want at least one")
	wantError(t, ask(s, "PUT", "/v1/roll", ""), 400, "bad_input", "nodes: got none")
	wantError(t, ask(s, "PUT", "/v1/roll", `{"nodes":"reverb-1"}`), 400, "bad_input", "nodes: got string, want a list")
	w := ask(s, "POST", "/v1/roll", `{"nodes":["reverb-1"]}`)
	wantError(t, w, 405, "method_not_allowed", "got POST, want GET, PUT, DELETE")
	if got := w.Header().Get("Allow"); got != "GET, PUT, DELETE" {
		t.Errorf("got Allow: %s", got)
	}
	wantError(t, ask(server(twoNodes(), "secret"), "PUT", "/v1/roll", `{"nodes":["reverb-1"]}`), 401, "unauthorized", "token")
	wantError(t, ask(server(twoNodes(), "secret"), "DELETE", "/v1/roll", ""), 401, "unauthorized", "token")
	wantError(t, ask(server(twoNodes(), "secret"), "POST", "/v1/rebalance", ""), 401, "unauthorized", "token")
}

func TestARebalancePassesOnWhatWasGiven(t *testing.T) {
	control := twoNodes()
	s := server(control, "")
	w := ask(s, "POST", "/v1/rebalance", `{"skew":0.25,"rate":7}`)
	var plan admin.Rebalance
	if err := json.Unmarshal(w.Body.Bytes(), &plan); err != nil || w.Code != 200 || plan.Clients != 1 || len(plan.Forecast) != 2 {
		t.Errorf("got %d %s, want a plan", w.Code, w.Body)
	}
	ask(s, "POST", "/v1/rebalance", "")
	got := control.Rebalances()
	if *got[0].Skew != 0.25 || *got[0].Rate != 7 || got[1].Skew != nil || got[1].Rate != nil || got[1].DryRun {
		t.Errorf("got %+v, want what was given and nothing else", got)
	}
	wantError(t, ask(s, "POST", "/v1/rebalance", `{"skew":-0.1}`), 400, "bad_input", "skew: got -0.1, want 0 to 10")
	wantError(t, ask(s, "POST", "/v1/rebalance", `{"skew":"10%"}`), 400, "bad_input", "skew: got string, want a number")
	wantError(t, ask(s, "POST", "/v1/rebalance", `{"rate":-1}`), 400, "bad_input", "rate: got -1, want 0 (all at once) or more")
	one := server(admintest.New(admin.Node{Name: "only"}), "")
	wantError(t, ask(one, "POST", "/v1/rebalance", ""), 409, "refused", "one node only")
}

func TestADryRunAnswersWithTheForecast(t *testing.T) {
	w := ask(server(twoNodes(), ""), "POST", "/v1/nodes/reverb-1/drain", `{"dry_run":true}`)
	var node admin.Node
	want := []admin.Load{{Node: "reverb-2", Connections: 20, After: 30}}
	if err := json.Unmarshal(w.Body.Bytes(), &node); err != nil || !slices.Equal(node.Forecast, want) || node.Drain != nil {
		t.Errorf("got %d %s, want the forecast %v", w.Code, w.Body, want)
	}
	if !strings.Contains(w.Body.String(), `"max_connections": 0`) {
		t.Errorf("got %s, want max_connections in the forecast", w.Body)
	}
}

func TestTheClientRollsAndRebalances(t *testing.T) {
	c := client(t, start(t, server(twoNodes(), "secret")), "secret")
	ctx := t.Context()
	if _, err := c.SetRoll(ctx, admin.Roll{Nodes: []string{"reverb-1"}}); err != nil {
		t.Errorf("SetRoll: got %v", err)
	}
	if got, err := c.Roll(ctx); err != nil || !slices.Equal(got.Nodes, []string{"reverb-1"}) {
		t.Errorf("Roll: got %v, %v", got, err)
	}
	if _, err := c.SetRoll(ctx, admin.Roll{}); err != nil {
		t.Errorf("SetRoll of none: got %v", err)
	}
	if got, err := c.Roll(ctx); err != nil || len(got.Nodes) != 0 {
		t.Errorf("Roll: got %v, %v, want none", got, err)
	}
	if got, err := c.Rebalance(ctx, admin.RebalanceRequest{Rate: new(3)}); err != nil || got.Rate != 3 {
		t.Errorf("Rebalance: got %v, %v", got, err)
	}
}
