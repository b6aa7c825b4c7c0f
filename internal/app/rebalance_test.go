package app_test

import (
	"slices"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestARebalanceFillsANewNodeAndMovesEachClientOnceAtMost(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, apptest.Even)
	clients := s.Visit(18)
	third := apptest.StartNode(t, devnode.Options{Name: "reverb-3"})
	s.URLs = append(s.URLs, third.URL())
	s.Configure(apptest.Even)
	s.Reload()
	for _, dry := range []bool{true, false} {
		plan := s.Rebalance(admin.RebalanceRequest{Skew: new(0.05), Rate: new(50), DryRun: dry})
		want := []admin.Load{{Node: "reverb-1", Connections: 9, After: 6, MaxConnections: 950}, {Node: "reverb-2", Connections: 9, After: 6, MaxConnections: 950}, {Node: "reverb-3", After: 6, MaxConnections: 950}}
		if plan.Clients != 6 || !slices.Equal(plan.Forecast, want) {
			t.Errorf("got %+v, want 6 clients moved: %+v", plan, want)
		}
		if dry {
			clients.WantMoves(apptest.AtMost(0))
		}
	}
	s.Logs.Wait(t, "rebalanced")
	all := clients.Wait("all clients back", func(on map[string]int) bool { return on["reverb-3"] == 6 && on[""] == 0 })
	if on := apptest.PerNodeOf(all); on["reverb-1"] != 6 || on["reverb-2"] != 6 {
		t.Errorf("got %v, want 6 each", on)
	}
	clients.WantMoves(apptest.AtMost(1), 4200)
	s.WaitMetric(`fermata_connections_closed_total{by="rebalance",node="reverb-1"} 3`)
	s.HasMetric(`fermata_picks_total{node="reverb-3",reason="rebalance"} 6`)
	line := s.Logs.WaitFor(t, "a moved client's line", func(line map[string]any) bool { return line["by"] == "rebalance" })
	if line["code"] != 4200.0 {
		t.Errorf("got the code %v, want 4200", line["code"])
	}
	if plan := s.Rebalance(admin.RebalanceRequest{}); plan.Clients != 0 {
		t.Errorf("got %+v, want nothing to move", plan)
	}
}

func TestAMovedClientsCookieNamesItsNewNode(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, apptest.Even)
	s.Drain("reverb-2", admin.DrainRequest{})
	first, second := s.Dial(), s.Dial()
	s.Undrain("reverb-2")
	if plan := s.Rebalance(admin.RebalanceRequest{Rate: new(0)}); plan.Clients != 1 {
		t.Errorf("got %+v, want 1 client moved", plan)
	}
	s.Logs.Wait(t, "client closed") // the one that was moved
	cookie := first.Cookie          // both clients have the cookie of reverb-1
	if again := s.Dial(cookie); again.Node != "reverb-2" || again.Cookie == nil {
		t.Errorf("got %s with %v, want reverb-2 and its cookie", again.Node, again.Cookie)
	} else if third := s.Dial(again.Cookie); third.Node != "reverb-2" || third.Cookie != nil {
		t.Errorf("got %s with %v, want the new cookie to hold", third.Node, third.Cookie)
	}
	if again := s.Dial(second.Cookie); again.Node != "reverb-1" || again.Cookie != nil {
		t.Errorf("got %s with %v, want the old cookie to hold for the others", again.Node, again.Cookie)
	}
}

func TestADrainTakesANodeOverFromARebalance(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even)
	s.Drain("reverb-2", admin.DrainRequest{})
	clients := s.Visit(10)
	s.Undrain("reverb-2")
	if plan := s.Rebalance(admin.RebalanceRequest{Rate: new(1)}); plan.Clients != 5 {
		t.Errorf("got %+v, want 5 clients moved", plan)
	}
	s.DrainWhole("reverb-1", admin.DrainRequest{Rate: new(100)})
	clients.Wait("all clients on the other node", apptest.None("reverb-1"))
	clients.WantMoves(apptest.AtMost(1), 4200)
}

// unasked has a rebalance begin soon, and for few clients.
const unasked = apptest.Even + "rebalance: {after: 1s, min_clients: 3, rate: 0}\n"

func TestTheFirstNodeThatListensDoesNotKeepEverybodyForEver(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, unasked)
	s.Nodes[1].Kill()
	s.Logs.Wait(t, "node down")
	clients := s.Visit(12)
	address := strings.TrimPrefix(s.URLs[1], "http://")
	again, err := devnode.Start(address, devnode.Options{Name: "reverb-2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Kill)
	if line := s.Logs.Wait(t, "rebalance"); line["reason"] != "6 clients to move, as nodes have come back or were added" {
		t.Errorf("got %v, want the reason", line)
	}
	s.Logs.Wait(t, "rebalanced")
	clients.Wait("half of them on each", func(on map[string]int) bool { return on["reverb-1"] == 6 && on["reverb-2"] == 6 })
	clients.WantMoves(apptest.AtMost(1), 4200)
}

func TestADrainEndsARebalanceThatNobodyAskedFor(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, strings.Replace(unasked, "rate: 0", "rate: 1", 1))
	s.Drain("reverb-2", admin.DrainRequest{})
	s.Visit(12)
	s.Undrain("reverb-2")
	s.Logs.Wait(t, "rebalance")
	s.Drain("reverb-3", held)
	if line := s.Logs.Wait(t, "rebalanced"); line["reason"] != "ended early, since something else has begun" {
		t.Errorf("got %v, want that the drain has ended it", line)
	}
}
