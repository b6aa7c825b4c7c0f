//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/lab/storm/report"
)

// TestNoPlainClientNoticesAnUpgrade plays a case with real clients, half of them with TLS.
func TestNoPlainClientNoticesAnUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: nothing shows that an upgrade can be played")
	}
	t.Parallel()
	r := playUpgrade(t, "fermata")
	c := r.Cases[0]
	plain, secure := c.Upgrade.Plain, c.Upgrade.TLS
	if plain.Clients != 30 || len(plain.Closes) != 0 || plain.Hit != 0 || plain.Deliveries.Missed != 0 {
		t.Errorf("got %+v, want 30 plain clients, none of them hit, which miss nothing", plain)
	}
	if secure.Clients != 30 || secure.Closes[4200] != 30 || len(secure.Closes) != 1 || secure.Lost != 0 || secure.Away[2] == nil {
		t.Errorf("got %+v, want 30 clients with TLS, each closed once with 4200 and back", secure)
	}
	if c.Refused != 0 || c.Upgrade.Ended == nil || c.Upgrade.Left != 0 {
		t.Errorf("got %d refused, an old process that ended at %v with %d connections, want none, and an end", c.Refused, c.Upgrade.Ended, c.Upgrade.Left)
	}
	if d := c.Deliveries; d.Due == 0 || d.Twice != 0 {
		t.Errorf("got %+v, want deliveries, none of them doubled", d)
	}
}

// TestTheOthersKeepTheirClientsInTheOldProcess plays the case with those that Fermata
// is compared with.
func TestTheOthersKeepTheirClientsInTheOldProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: nothing shows that an upgrade of the others can be played")
	}
	t.Parallel()
	nginx, haproxy := chosenAndFound(t, "nginx"), chosenAndFound(t, "haproxy")
	for _, c := range playUpgrade(t, nginx+","+haproxy).Cases {
		if u := c.Upgrade; u.Ended != nil || u.Left != 60 || c.Hit != 0 {
			t.Errorf("%s: got %+v of %+v, want an old process that has 60 clients in the end", c.Balancer, u, c)
		}
	}
}

func playUpgrade(t *testing.T, balancers string) (r report.Report) {
	t.Helper()
	jsonFile := filepath.Join(t.TempDir(), "upgrade.json")
	var out, progress strings.Builder
	err := run(t.Context(), []string{"-clients", "60", "-balancers", balancers, "-only", "i", "-spread", "2s", "-json", jsonFile}, &out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	t.Log(out.String())
	if text, err := os.ReadFile(jsonFile); err != nil || json.Unmarshal(text, &r) != nil {
		t.Fatalf("got %s (%v), want the report", text, err)
	}
	if len(r.Cases) != strings.Count(balancers, ",")+1 || len(r.Remarks) != 0 {
		t.Fatalf("got %d cases and remarks %q, want %s without", len(r.Cases), r.Remarks, balancers)
	}
	return r
}
