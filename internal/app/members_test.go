package app

import (
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/proxy/moves"
)

// ofTwo is what the member "me" knows of two, of which the other one has that node.
func ofTwo(other cluster.NodeReport) cluster.View {
	return cluster.View{Self: "me", Members: []cluster.Report{
		{ID: "me", Name: "here", Nodes: map[string]cluster.NodeReport{"a": {Connections: 1000}}}, // an old report
		{ID: "other", Name: "there", Nodes: map[string]cluster.NodeReport{"a": other}},
	}}
}

func TestANodesClientsAreThoseOfAllMembers(t *testing.T) {
	v := ofTwo(cluster.NodeReport{Connections: 7, Up: true})
	if got := connections(v, balancer.Status{Name: "a", Connections: 5}); got != 12 {
		t.Errorf("got %d clients, want 12", got)
	}
	all := peers(v)
	if len(all) != 1 || all[0].Name != "there" || all[0].Nodes["a"] != (balancer.PeerNode{Connections: 7, Up: true}) {
		t.Errorf("got the peers %+v, want the other member alone", all)
	}
	for most, want := range map[int]int{9: 5, 10: 5} {
		if got := quota(v, balancer.Status{Name: "a", MaxConnections: most}); got != want {
			t.Errorf("of %d that may be there: got %d before anything is known of the others, want %d", most, got, want)
		}
	}
}

func TestANodeIsUpWhereAtLeastHalfOfTheMembersReachIt(t *testing.T) {
	f := func(up, down int, wantHealth, wantReason string) {
		t.Helper()
		s := sum{outcome: moves.Outcome{Closed: make(map[string]int)}}
		for range up {
			s.add(cluster.Report{Name: "one"}, cluster.NodeReport{Up: true, Connections: 2}, false)
		}
		for range down {
			s.add(cluster.Report{Name: "two"}, cluster.NodeReport{Reason: "dial refused", Connections: 2}, false)
		}
		health, reason := s.health(balancer.Status{Reason: "as here"})
		if health != wantHealth || reason != wantReason || s.connections != 2*(up+down) {
			t.Errorf("up on %d and down on %d: got %s, %q and %d clients, want %s and %q", up, down, health, reason, s.connections, wantHealth, wantReason)
		}
	}
	f(1, 0, admin.HealthUp, "as here")
	f(0, 1, admin.HealthDown, "as here")
	f(1, 1, admin.HealthUp, "down on two: dial refused")
	f(2, 1, admin.HealthUp, "down on two: dial refused")
	f(1, 2, admin.HealthDown, "down on two: dial refused; two: dial refused")
}

func TestAMembersPartOfADrainIsShownUntilItIsEmpty(t *testing.T) {
	f := func(leaving bool, clients int, want string) {
		t.Helper()
		s := sum{outcome: moves.Outcome{Closed: make(map[string]int)}}
		s.add(cluster.Report{}, cluster.NodeReport{Connections: clients}, leaving)
		if got := s.members[0].State; got != want {
			t.Errorf("leaving %v with %d clients: got %s, want %s", leaving, clients, got, want)
		}
	}
	f(false, 0, admin.StateReady)
	f(true, 3, admin.StateDraining)
	f(true, 0, admin.StateDrained)
}

func TestADrainOfAnotherMemberIsByThisMachinesClock(t *testing.T) {
	at := time.Unix(1000, 0)
	d := here(balancer.Drain{Started: at, Begin: at.Add(time.Second), Deadline: at.Add(time.Minute)}, cluster.View{Offset: 10 * time.Second})
	if begun := at.Add(-10 * time.Second); !d.Started.Equal(begun) || !d.Begin.Equal(begun.Add(time.Second)) || !d.Deadline.Equal(begun.Add(time.Minute)) {
		t.Errorf("got %+v, want all ten seconds earlier: Redis's clock is ahead", d)
	}
	f := func(by0, from, want string) {
		t.Helper()
		if got := by(cluster.View{Self: "me"}, cluster.Stamp{By: by0}, from); got != want {
			t.Errorf("by %s from %q: got %q, want %q", by0, from, got, want)
		}
	}
	f("me", "here", "")
	f("other", "there", ", by there")
	f("other", "", "")
}

func TestOfAClusterItIsSaidWhoseLastClientHasGone(t *testing.T) {
	f := func(v cluster.View, want string) {
		t.Helper()
		if got := lastGone(v, balancer.Status{Name: "a"}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(cluster.View{}, "its last client has gone")
	f(ofTwo(cluster.NodeReport{}), "the last client of here has gone")
	f(ofTwo(cluster.NodeReport{Connections: 7}), "the last client of here has gone, other members have 7")
}
