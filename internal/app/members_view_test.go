package app

import (
	"errors"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
)

func TestTheMembersAreShownByThisMachinesClock(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	a.clusterName = "ours"
	started := time.Unix(1000, 0)
	v := ofTwo(cluster.NodeReport{})
	v.Offset, v.Members[1].Started = 10*time.Second, started
	c := a.clusterOf(v)
	if c.Name != "ours" || c.Member != "here" || c.Away != "" || !c.Since.IsZero() || len(c.Members) != 2 {
		t.Fatalf("got %+v, want this member and the other one", c)
	}
	if this, other := c.Members[0], c.Members[1]; !this.Self || other.Self || !other.Started.Equal(started.Add(-10*time.Second)) {
		t.Errorf("got %+v and %+v, want the other one's start ten seconds earlier: Redis's clock is ahead", this, other)
	}
	v.Away, v.Since = errors.New("dial refused"), started
	if c := a.clusterOf(v); c.Away != "dial refused" || !c.Since.Equal(started) {
		t.Errorf("got %+v, want why Redis is away, and since when", c)
	}
	if c := a.clusterOf(cluster.View{}); c != nil {
		t.Errorf("got %+v, want no cluster", c)
	}
}

func TestADryRunSaysThatTheNumbersOfOtherMembersAreOld(t *testing.T) {
	t.Parallel()
	if got := stale(cluster.View{}); got != "" {
		t.Errorf("got %q while Redis is there, want nothing", got)
	}
	v := cluster.View{Away: errors.New("dial refused"), Since: time.Date(2026, 1, 2, 10, 11, 12, 0, time.Local)}
	want := "the cluster's Redis cannot be reached (dial refused): what other members have is as it was at 10:11:12"
	if got := stale(v); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestANodeIsDrainedOnceAllMembersKnowAndHaveNobodyThere(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	n, err := a.pool.Drain("a", balancer.Drain{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(seen int64, left int, away error, want string) {
		t.Helper()
		v := ofTwo(cluster.NodeReport{Connections: left, Up: true})
		v.State.Nodes = map[string]cluster.Decision{"a": {Stamp: cluster.Stamp{At: 5}, Drain: n.Drain}}
		v.Members[1].Seen, v.Away = cluster.Stamp{At: seen}, away
		got := a.viewOfAll(v, n)
		if got.State != want || got.Connections != left || got.Drain.Remaining != left {
			t.Errorf("seen %d, %d clients left there, Redis %v: got %s with %d clients, %d to go, want %s",
				seen, left, away, got.State, got.Connections, got.Drain.Remaining, want)
		}
		if here := got.Members[0]; here.State != admin.StateDrained {
			t.Errorf("this member: got %+v, want it empty whatever the other one has", here)
		}
	}
	f(5, 0, nil, admin.StateDrained)
	f(5, 1, nil, admin.StateDraining)
	f(4, 0, nil, admin.StateDraining) // it may let somebody in before it knows
	f(5, 0, errors.New("dial refused"), admin.StateDraining)
}

func TestWhatHasBecomeOfClientsIsCountedAtAllMembers(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	v := ofTwo(cluster.NodeReport{Up: true, Connections: 2, Moved: 3, Closed: map[string]int{"no_session": 4}})
	ready, err := a.pool.Node("a")
	if err != nil {
		t.Fatal(err)
	}
	if got := a.viewOfAll(v, ready); got.Moves != nil || got.Members[1].State != admin.StateReady {
		t.Errorf("got %+v, want a node that is ready, and nobody moved", got)
	}
	if _, err := a.pool.Acquire(balancer.Key{Pins: []string{a.pool.Pin(ready.Node)}}); err != nil {
		t.Fatal(err)
	}
	nodes := join(twoNodes("").Nodes, nil).nodes
	a.pool.Replace(nodes[1:], balancer.DefaultSticky())
	got := a.viewOfAll(v, a.pool.Status(ready.Node))
	if got.Moves == nil || got.Moves.Moved != 3 || got.Moves.Closed != 4 || got.Connections != 3 || got.Members[1].State != admin.StateDraining {
		t.Errorf("got %+v, want a node that was removed, with the outcome of both members", got)
	}
}

func TestADrainBeganWithWhoIsLeftMovedAndClosed(t *testing.T) {
	t.Parallel()
	d := admin.Drain{Remaining: 2, Outcome: admin.Outcome{Moved: 20, Closed: 300}}
	if got := hadHere(d, 1); got != 321 {
		t.Errorf("got %d clients, want 321", got)
	}
}

func TestAMemberLetsClientsInOnceItHasItsPartOfEachNode(t *testing.T) {
	t.Parallel()
	f := func(most balancer.Cap, v cluster.View, wantQuota int, wantIn bool) {
		t.Helper()
		a, _ := resting(t)
		nodes := join(twoNodes("").Nodes, nil).nodes
		nodes[0].MaxConnections, nodes[1].MaxConnections = most, most
		a.pool.Replace(nodes, balancer.DefaultSticky())
		a.shareNodes(v)
		a.shareNodes(v) // as with each view
		in := false
		select {
		case <-a.hasPart:
			in = true
		default:
		}
		if n, _ := a.pool.Node("a"); n.Quota != wantQuota || in != wantIn {
			t.Errorf("max_connections %d: got a part of %d, and clients let in %v, want %d and %v", most, n.Quota, in, wantQuota, wantIn)
		}
	}
	two := ofTwo(cluster.NodeReport{})
	f(9, two, 5, true)
	f(0, two, 0, true) // no cap, and nothing to wait for
	f(9, cluster.View{}, 9, false)
}
