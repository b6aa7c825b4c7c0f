package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
)

// uneven is a resting Fermata with all of its clients on a.
func uneven(t *testing.T) *App {
	t.Helper()
	a, _ := resting(t)
	nodes := join(twoNodes("").Nodes, nil).nodes
	a.pool.Replace(nodes[:1], balancer.DefaultSticky())
	for range 20 {
		if _, err := a.pool.Acquire(balancer.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	a.pool.Replace(nodes, balancer.DefaultSticky())
	a.config.Rebalance.MinClients = 5
	return a
}

func TestOneOfSeveralFermatasBeginsARebalanceThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	f := func(sinceTheLast time.Duration, want bool) {
		t.Helper()
		a := uneven(t)
		synctest.Test(t, func(t *testing.T) {
			a.occasion.note("start", time.Now())
			<-time.After(a.config.Rebalance.After)
			last := cluster.Stamp{At: time.Now().Add(-sinceTheLast).UnixMilli()}
			a.council.Recall(cluster.State{Rebalance: cluster.Rebalance{Stamp: last}}) // another one has just begun it
			a.rebalanceIfWorth(time.Now())
			if got := a.council.View().State.Rebalance.Stamp != last; got != want || a.moves.Rebalancing() != want {
				t.Errorf("%v after the last: got one begun: %v, want %v", sinceTheLast, got, want)
			}
			a.moves.EndRebalance()
		})
	}
	after := uneven(t).config.Rebalance.After
	f(after, true)
	f(after-time.Millisecond, false)
}

func TestARebalanceWithNothingToMoveIsNone(t *testing.T) {
	t.Parallel()
	f := func(a *App, want int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			plan, err := a.Rebalance(admin.RebalanceRequest{})
			begun := a.council.View().State.Rebalance.Stamp != cluster.Stamp{}
			if err != nil || plan.Clients != want || begun != (want > 0) {
				t.Errorf("got %+v, %v, begun %v, want %d clients to move", plan, err, begun, want)
			}
			a.moves.EndRebalance()
		})
	}
	even, _ := resting(t)
	f(even, 0)
	f(uneven(t), 10)
}

func TestADrainWaitsAnHourForANodeThatIsGone(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	synctest.Test(t, func(t *testing.T) {
		a.decide(false, func(_ cluster.View, s *cluster.State) error {
			setDecision(s, "pod-1", cluster.Decision{Stamp: a.council.Stamp(), Drain: new(balancer.Drain)})
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go a.forgetMissing(ctx)
		f := func(passes time.Duration, want bool) {
			t.Helper()
			<-time.After(passes)
			synctest.Wait()
			if got := a.council.View().State.Nodes["pod-1"].Drain != nil; got != want {
				t.Errorf("%v later: got a drain %v, want %v", passes, got, want)
			}
		}
		f(59*time.Minute, true)
		f(2*time.Minute, false)
	})
}

func TestANodeIsElsewhereWhereAnotherMemberHasIt(t *testing.T) {
	t.Parallel()
	v := ofTwo(cluster.NodeReport{})
	if !elsewhere(v, "a") || elsewhere(v, "b") {
		t.Error("got it the other way round, want a elsewhere and b not")
	}
	delete(v.Members[1].Nodes, "a")
	if elsewhere(v, "a") {
		t.Error("got a elsewhere, want it nowhere: this member alone has it")
	}
}
