package main

import (
	"encoding/json"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

func TestRebalanceAsksForWhatWasGiven(t *testing.T) {
	control := admintest.New(admin.Node{Name: "a", Connections: 100}, admin.Node{Name: "b", MaxConnections: 50})
	running(t, control, "")
	fermata(t.Context(), "rebalance", "--skew", "25%", "--rate", "5").
		want(t, 0, "moving 10 clients, 5/s, in about 2s\nNODE  CONNECTIONS  AFTER  MAX\na     100          90     none\nb     0            10     50\n", "")
	got := control.Rebalances()[0]
	if *got.Skew != 0.25 || *got.Rate != 5 || got.DryRun {
		t.Errorf("got %v, %v, %v, want what was given", *got.Skew, *got.Rate, got.DryRun)
	}
	var plan admin.Rebalance
	asJSON := fermata(t.Context(), "rebalance", "--json", "--dry-run")
	if err := json.Unmarshal([]byte(asJSON.out), &plan); err != nil || plan.Clients != 10 || len(plan.Forecast) != 2 {
		t.Errorf("got %s and %v, want the API's JSON", asJSON.out, err)
	}
	for _, args := range [][]string{{"--skew", "many"}, {"--skew", "-1%"}, {"--skew", "NaN"}, {"--rate", "-1"}, {"now"}} {
		if got := fermata(t.Context(), append([]string{"rebalance"}, args...)...); got.code != 2 || got.out != "" || !strings.HasPrefix(got.err, "fermata: ") {
			t.Errorf("%q: got exit %d, %q, %q, want 2 and a message", args, got.code, got.out, got.err)
		}
	}
	running(t, admintest.New(admin.Node{Name: "a"}), "")
	fermata(t.Context(), "rebalance").want(t, 4, "", "fermata: refused: there is one node only\n")
}
