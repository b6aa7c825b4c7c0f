package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
)

// threeMembers is edge-1 of a cluster of three.
func threeMembers() *admintest.Control {
	member := func(name string, clients int) admin.MemberNode {
		return admin.MemberNode{Member: name, ID: name, Health: admin.HealthUp, State: admin.StateReady, Connections: clients}
	}
	cutOff := member("edge-2", 2)
	cutOff.Health = admin.HealthDown
	control := admintest.New(
		admin.Node{Name: "reverb-1", Connections: 60, MaxConnections: 950,
			Members: []admin.MemberNode{member("edge-1", 10), member("edge-2", 20), member("edge-3", 30)}},
		admin.Node{Name: "reverb-2", Connections: 6, Reason: "down on edge-2: connection refused",
			Members: []admin.MemberNode{member("edge-1", 1), cutOff, member("edge-3", 3)}},
	)
	control.Cluster = &admin.Cluster{Name: "default", Member: "edge-1", Members: []admin.Member{
		{Name: "edge-1", ID: "edge-1", Version: "1.2.0", Clients: 11, Ready: true, Self: true},
		{Name: "edge-2", ID: "edge-2", Version: "1.2.0", Clients: 22},
		{Name: "edge-3", ID: "edge-3", Version: "1.1.9", Clients: 33, Ready: true, Stopping: true},
	}}
	return control
}

func redisAway(c *admin.Cluster) {
	c.Away, c.Since = "dial tcp 127.0.0.1:6379: connection refused", time.Date(2026, 3, 1, 12, 0, 5, 0, time.Local)
}

func TestStatusOfAClusterHasTheSumsAndALineForEachMember(t *testing.T) {
	running(t, threeMembers(), "")
	fermata(t.Context(), "status").want(t, 0, `NODE      HEALTH  STATE  CONNECTIONS  WEIGHT  DRAIN  REASON
reverb-1  up      ready  60/950       1       -      connected
reverb-2  up 2/3  ready  6            1       -      down on edge-2: connection refused

MEMBER             CLIENTS  STATE      VERSION
edge-1 (this one)  11       ready      1.2.0
edge-2             22       not ready  1.2.0
edge-3             33       stopping   1.1.9
`, "")
}

func TestLocalStatusIsOneMembers(t *testing.T) {
	running(t, threeMembers(), "")
	fermata(t.Context(), "status", "--local").want(t, 0, `NODE      HEALTH  STATE  CONNECTIONS  WEIGHT  DRAIN  REASON
reverb-1  up      ready  10/950       1       -      connected
reverb-2  up      ready  1            1       -      down on edge-2: connection refused

This is edge-1 alone, of the cluster default.
`, "")
}

func TestStatusSaysSinceWhenRedisIsAwayAndWhatThatMeans(t *testing.T) {
	control := threeMembers()
	control.ChangeCluster(redisAway)
	running(t, control, "")
	const away = `
Redis cannot be reached since 12:00:05: dial tcp 127.0.0.1:6379: connection refused
What the other members have is as it was then. Drains go on; new ones need --local.
`
	fermata(t.Context(), "status").has(t, 0, "edge-3             33       stopping   1.1.9\n"+away, "")
	fermata(t.Context(), "status", "--local").has(t, 0, "of the cluster default.\n"+away, "")
}

func TestWithRedisAwayCommandsNameTheWayOut(t *testing.T) {
	control := threeMembers()
	control.ChangeCluster(redisAway)
	running(t, control, "")
	const why = "fermata: the cluster's Redis cannot be reached: dial tcp 127.0.0.1:6379: connection refused " +
		"(with --local it is done on this member alone, and on the others once Redis is back)\n"
	for _, args := range [][]string{
		{"drain", "reverb-1"}, {"undrain", "reverb-1"}, {"rebalance"}, {"roll", "--cancel"}, {"roll", "reverb-2", "--exec", "true"},
	} {
		fermata(t.Context(), args...).want(t, exitFailed, "", why)
	}
	fermata(t.Context(), "drain", "reverb-1", "--local").has(t, 0, "reverb-1 is draining: 60 clients", "")
	fermata(t.Context(), "undrain", "reverb-1", "--local").has(t, 0, "reverb-1 is ready", "")
	fermata(t.Context(), "rebalance", "--local").has(t, 0, "moving", "")
	fermata(t.Context(), "roll", "reverb-1", "--exec", "false", "--local", "--timeout", "20ms").
		has(t, exitNotInTime, "", "go on with it: fermata roll --resume --timeout 20ms --exec false --local=true\n")
	fermata(t.Context(), "roll", "--cancel", "--local").want(t, 0, "the roll is ended; it had still to do reverb-1\n", "")
}

func TestADrainTellsOfAMemberThatItDoesNotWaitForAnyLonger(t *testing.T) {
	control := threeMembers()
	running(t, control, "")
	looks := 0
	control.Looked = func() {
		looks++
		control.Change("reverb-1", func(n *admin.Node) {
			n.Members = slices.DeleteFunc(slices.Clone(n.Members), func(m admin.MemberNode) bool { return m.Member == "edge-3" })
			if looks == 2 {
				n.State, n.Connections = admin.StateDrained, 0
			}
		})
	}
	fermata(t.Context(), "drain", "reverb-1", "--wait").
		has(t, 0, "\nreverb-1: edge-3 is not heard any more, it had 30 clients there\nreverb-1 is drained\n", "")
}

func TestADrainIsWaitedForUntilAllMembersHaveHeardOfIt(t *testing.T) {
	control := threeMembers()
	running(t, control, "")
	looks := 0
	control.Looked = func() {
		looks++
		control.Change("reverb-1", func(n *admin.Node) {
			n.Connections = 0 // but edge-3 has not heard of the drain, and may take some
			if looks == 2 {
				n.State, n.Drain = admin.StateDrained, &admin.Drain{Initial: 60}
			}
		})
	}
	if _, err := control.Drain("reverb-1", admin.DrainRequest{}); err != nil {
		t.Fatal(err)
	}
	// A Step would have the fake itself say that it is drained.
	var out bytes.Buffer
	wait := drainWait{out: &out, every: time.Millisecond}
	var err error
	if wait.client, err = (&adminFlags{}).client(); err != nil {
		t.Fatal(err)
	}
	node := admin.Node{Name: "reverb-1", State: admin.StateDraining, Drain: &admin.Drain{Initial: 60, Deadline: time.Now().Add(time.Hour)}}
	if got, err := wait.run(t.Context(), node); err != nil || got.State != admin.StateDrained || looks < 2 {
		t.Errorf("got %+v, %v after %d looks, want it drained at the second", got, err, looks)
	}
	if want := "reverb-1: 0 of 60 left, waiting to hear from all members\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	want := "interrupted: reverb-1 may still get clients from a member of the cluster that has not been heard; the drain goes on"
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wait.run(interrupted, node); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
