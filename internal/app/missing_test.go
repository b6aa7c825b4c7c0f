package app

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/internal/lab/dnsserver"
)

func draining(n admin.Node) bool { return n.Drain != nil && n.Drain.Rate == 7 }

// drainAt drains a node at a rate of its own.
func (f *front) drainAt(name string) {
	f.t.Helper()
	if _, err := f.Drain(name, admin.DrainRequest{Rate: new(7), Force: true}); err != nil {
		f.t.Fatal(err)
	}
}

func TestADrainIsThereAgainWhenItsNodeIsFoundAfterARestart(t *testing.T) {
	t.Parallel()
	dns, state := dnsserver.Start(t), t.TempDir()
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	text := fmt.Sprintf("state_dir: %q\n"+foundAt, state, port)
	t.Run("before", func(t *testing.T) { // a Fermata that ends with this
		f := newFinder(t, dns, text)
		f.drainAt("reverb-127.0.0.3")
		if _, err := f.SetRoll(admin.Roll{Nodes: []string{"reverb-127.0.0.2"}}); err != nil {
			t.Fatal(err)
		}
	})
	dns.Set("reverb.test", "127.0.0.2")
	t.Run("without it", func(t *testing.T) { // and saves the drains that it knows
		f := newFinder(t, dns, text)
		f.drainAt("reverb-127.0.0.2")
	})
	dns.Set("reverb.test")
	f := newFinder(t, dns, text)
	dns.Set("reverb.test", "127.0.0.2", "127.0.0.3")
	f.until("reverb-127.0.0.3", "is found draining", draining)
	f.until("reverb-127.0.0.2", "is found draining, and in the roll", func(n admin.Node) bool { return draining(n) && n.Avoided })
}

func TestADrainOutlastsItsNodesAbsenceUntilItIsEnded(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	dns := dnsserver.Start(t)
	port := startNodes(t, "127.0.0.2", "127.0.0.3")
	both := []string{"127.0.0.2", "127.0.0.3"}
	dns.Set("reverb.test", both...)
	f := newFinder(t, dns, fmt.Sprintf(foundAt, port))
	f.drainAt("reverb-127.0.0.3")
	dns.Set("reverb.test", "127.0.0.2")
	f.untilNodes("reverb-127.0.0.2")
	dns.Set("reverb.test", both...)
	f.until("reverb-127.0.0.3", "is back and draining", draining)
	dns.Set("reverb.test", "127.0.0.2")
	f.untilNodes("reverb-127.0.0.2")
	n, err := f.Undrain("reverb-127.0.0.3", admin.UndrainRequest{})
	if err != nil || n.Drain != nil || n.Name != "reverb-127.0.0.3" {
		t.Errorf("undrain of a node that is away: got %+v, %v, want it done", n, err)
	}
	if _, err := f.Undrain("reverb-127.0.0.3", admin.UndrainRequest{}); !errors.Is(err, admin.ErrUnknownNode) {
		t.Errorf("again: got %v, want %v", err, admin.ErrUnknownNode)
	}
	dns.Set("reverb.test", both...)
	f.until("reverb-127.0.0.3", "is ready", func(n admin.Node) bool { return n.State == admin.StateReady })
}

func TestADrainIsNotKeptForWhoeverHasTheAddressNextDay(t *testing.T) {
	dns := dnsserver.Start(t)
	f := newFinder(t, dns, fmt.Sprintf(foundAt, "9"))
	for _, name := range []string{"reverb-127.0.0.3", "reverb-127.0.0.4"} {
		f.decide(false, func(_ cluster.View, s *cluster.State) error {
			setDecision(s, name, cluster.Decision{Stamp: f.council.Stamp(), Drain: new(balancer.Drain)})
			return nil
		})
	}
	f.mu.Lock()
	f.missing["reverb-127.0.0.4"] = time.Now().Add(-time.Hour)
	f.mu.Unlock()
	if got := f.missingSince(time.Now().Add(-missingFor)); len(got) != 1 || got[0] != "reverb-127.0.0.4" {
		t.Errorf("got %v, want the one that has been away for an hour", got)
	}
	f.dropDecision("reverb-127.0.0.4")
	if left := f.council.View().State.Nodes; left["reverb-127.0.0.3"].Drain == nil || left["reverb-127.0.0.4"].Drain != nil {
		t.Errorf("got %+v, want the drain alone of the one that is away for a moment", left)
	}
}
