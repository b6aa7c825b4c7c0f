package main

import (
	"encoding/json"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/lab/devnode"
)

func TestARebalanceFillsANewNodeAndMovesEachClientOnceAtMost(t *testing.T) {
	s := newStack(t, 2, even)
	clients := s.visit(18)
	third := startNode(t, devnode.Options{Name: "reverb-3"})
	s.urls = append(s.urls, third.URL())
	s.configure(even)
	s.reload()
	table := "NODE      CONNECTIONS  AFTER  MAX\nreverb-1  9            6      950\nreverb-2  9            6      950\nreverb-3  0            6      950\n"
	s.wantCLI(exitDone, "would move 6 clients, 50/s, in about 1s\n"+table, "", "rebalance", "--rate", "50", "--dry-run")
	clients.wantMoves(atMost(0))
	s.wantCLI(exitDone, "moving 6 clients, 50/s, in about 1s\n"+table, "", "rebalance", "--rate", "50", "--skew", "5%")
	s.logs.wait(t, "rebalanced")
	all := clients.wait("all clients back", func(on map[string]int) bool { return on["reverb-3"] == 6 && on[""] == 0 })
	if on := perNodeOf(all); on["reverb-1"] != 6 || on["reverb-2"] != 6 {
		t.Errorf("got %v, want 6 each", on)
	}
	clients.wantMoves(atMost(1), 4200)
	s.waitMetric(`fermata_connections_closed_total{by="rebalance",node="reverb-1"} 3`)
	s.hasMetric(`fermata_picks_total{node="reverb-3",reason="rebalance"} 6`)
	line := s.logs.waitFor(t, "a moved client's line", func(line map[string]any) bool { return line["by"] == "rebalance" })
	if line["code"] != 4200.0 {
		t.Errorf("got the code %v, want 4200", line["code"])
	}
	s.wantCLI(exitDone, "nothing to move: no node is more than 10% above its share\n", "", "rebalance")
}

func TestAMovedClientsCookieNamesItsNewNode(t *testing.T) {
	s := newStack(t, 2, even)
	s.wantCLI(exitDone, "", "", "drain", "reverb-2")
	first, second := s.dial(), s.dial()
	s.wantCLI(exitDone, "", "", "undrain", "reverb-2")
	s.wantCLI(exitDone, "moving 1 client, all at once", "", "rebalance", "--rate", "0")
	s.logs.wait(t, "client closed") // the one that was moved
	cookie := first.cookie          // both clients have the cookie of reverb-1
	if again := s.dial(cookie); again.node != "reverb-2" || again.cookie == nil {
		t.Errorf("got %s with %v, want reverb-2 and its cookie", again.node, again.cookie)
	} else if third := s.dial(again.cookie); third.node != "reverb-2" || third.cookie != nil {
		t.Errorf("got %s with %v, want the new cookie to hold", third.node, third.cookie)
	}
	if again := s.dial(second.cookie); again.node != "reverb-1" || again.cookie != nil {
		t.Errorf("got %s with %v, want the old cookie to hold for the others", again.node, again.cookie)
	}
}

func TestADrainTakesANodeOverFromARebalance(t *testing.T) {
	s := newStack(t, 2, even)
	s.wantCLI(exitDone, "", "", "drain", "reverb-2")
	clients := s.visit(10)
	s.wantCLI(exitDone, "", "", "undrain", "reverb-2")
	s.wantCLI(exitDone, "moving 5 clients, 1/s, in about 5s", "", "rebalance", "--rate", "1")
	s.wantCLI(exitDone, "reverb-1 is drained", "", "drain", "reverb-1", "--wait", "--rate", "100")
	clients.wait("all clients on the other node", none("reverb-1"))
	clients.wantMoves(atMost(1), 4200)
}

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

// unasked has a rebalance begin soon, and for few clients.
const unasked = even + "rebalance: {after: 1s, min_clients: 3, rate: 0}\n"

func TestTheFirstNodeThatListensDoesNotKeepEverybodyForEver(t *testing.T) {
	s := newStack(t, 2, unasked)
	s.nodes[1].Kill()
	s.logs.wait(t, "node down")
	clients := s.visit(12)
	address := strings.TrimPrefix(s.urls[1], "http://")
	again, err := devnode.Start(address, devnode.Options{Name: "reverb-2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Kill)
	if line := s.logs.wait(t, "rebalance"); line["reason"] != "6 clients to move, as nodes have come back or were added" {
		t.Errorf("got %v, want the reason", line)
	}
	s.logs.wait(t, "rebalanced")
	clients.wait("half of them on each", func(on map[string]int) bool { return on["reverb-1"] == 6 && on["reverb-2"] == 6 })
	clients.wantMoves(atMost(1), 4200)
}

func TestADrainEndsARebalanceThatNobodyAskedFor(t *testing.T) {
	s := newStack(t, 3, strings.Replace(unasked, "rate: 0", "rate: 1", 1))
	s.wantCLI(exitDone, "", "", "drain", "reverb-2")
	s.visit(12)
	s.wantCLI(exitDone, "", "", "undrain", "reverb-2")
	s.logs.wait(t, "rebalance")
	s.wantCLI(exitDone, "", "", "drain", "reverb-3", "--grace", "1m")
	if line := s.logs.wait(t, "rebalanced"); line["reason"] != "ended early, since something else has begun" {
		t.Errorf("got %v, want that the drain has ended it", line)
	}
}
