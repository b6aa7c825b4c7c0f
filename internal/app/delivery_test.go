package app_test

import (
	"fmt"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// delivering has the delivery checked often; an event has the time that it needs
// on a busy machine.
const delivering = apptest.Even + apptest.KnownApp +
	"health: {type: http, interval: 500ms, timeout: 5s, reverb: {delivery: {interval: 500ms, timeout: 2s}}}\n"

// lose has the nodes lose what comes from Redis, and what goes there.
func lose(in, out bool, nodes ...*devnode.Node) {
	for _, n := range nodes {
		n.SetFaults(devnode.Faults{LoseIn: in, LoseOut: out})
	}
}

// delivers waits until that is known of the nodes.
func delivers(s *apptest.Stack, want string, nodes ...string) {
	s.T.Helper()
	for _, node := range nodes {
		s.Eventually(fmt.Sprintf("the delivery of %s is %q", node, want), func() bool { return s.NodesNow()[node].Delivery == want })
	}
}

// up waits until the node is.
func up(s *apptest.Stack, node string) {
	s.T.Helper()
	s.Eventually(node+" is up", func() bool { return s.NodesNow()[node].Health == admin.HealthUp })
}

func TestANodeWithADeadConnectionToRedisIsDownAndItsClientsAreMoved(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	f := func(in, out bool, fault, reason string) {
		t.Helper()
		s := apptest.New(t, 3, delivering)
		s.Visit(6)
		delivers(s, admin.HealthUp, "reverb-1", "reverb-2", "reverb-3")
		lose(in, out, s.Nodes[0])
		if line := s.Logs.Wait(t, "node down"); line["node"] != "reverb-1" || line["reason"] != reason {
			t.Errorf("got %v, want that reverb-1 is down: %s", line, reason)
		}
		s.WaitMetric(`fermata_node_down{cause="` + fault + `",node="reverb-1"} 1`)
		s.Eventually("its clients are moved", func() bool { return s.NodesNow()["reverb-1"].Connections == 0 })
		s.HasMetric(`fermata_delivery_up{node="reverb-1"} 0`)
		s.HasMetric(`fermata_delivery_up{node="reverb-2"} 1`)
		if n := s.NodesNow()["reverb-1"]; n.Health != admin.HealthDown || n.Delivery != admin.HealthDown || n.Reason != reason {
			t.Errorf("got %+v, want a node that is down: %s", n, reason)
		}
		lose(false, false, s.Nodes[0])
		up(s, "reverb-1")
		delivers(s, admin.HealthUp, "reverb-1")
		if s.Logs.Has("no delivery") || s.Logs.Has("node down") {
			t.Error("got more nodes down or no delivery, want none: the others are well")
		}
	}
	f(true, false, "deaf", "deaf: what is published through other nodes does not arrive at it; look at its connection to Redis")
	f(false, true, "mute", "mute: what is published through it arrives nowhere else; look at its connection to Redis")
	f(true, true, "cut_off", "deaf and mute: no event passes between it and the other nodes; look at its connection to Redis")
}

func TestNobodyIsMovedWhenRedisIsGoneAndItIsSaidSo(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, delivering)
	clients := s.Visit(6)
	delivers(s, admin.HealthUp, "reverb-1", "reverb-2")
	lose(true, true, s.Nodes...)
	const reason = "no event that is published arrives anywhere: look at Redis"
	if line := s.Logs.Wait(t, "no delivery"); line["reason"] != reason || line["level"] != "warn" {
		t.Errorf("got %v, want a warning: %s", line, reason)
	}
	for name, n := range s.NodesNow() {
		s.HasMetric(`fermata_delivery_up{node="` + name + `"} 0`)
		if n.Health != admin.HealthUp || n.Delivery != admin.HealthDown || n.Connections != 3 || !strings.HasSuffix(n.Reason, "; "+reason) {
			t.Errorf("got %+v, want a node that is up, has its clients, and says that it delivers nothing", n)
		}
	}
	lose(false, false, s.Nodes...)
	s.Logs.Wait(t, "delivery")
	delivers(s, admin.HealthUp, "reverb-1", "reverb-2")
	clients.WantMoves(apptest.AtMost(0))
	if s.Logs.Has("node down") {
		t.Error("got a node down, want none")
	}
}

func TestADeafNodeThatDrainsIsUpAgainWhenItsRestartHasMendedIt(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, delivering)
	delivers(s, admin.HealthUp, "reverb-1", "reverb-2", "reverb-3")
	lose(true, false, s.Nodes[0])
	s.Logs.Wait(t, "node down")
	s.DrainWhole("reverb-1", admin.DrainRequest{})
	lose(false, false, s.Nodes[0])
	up(s, "reverb-1")
	s.Eventually("a node that drains is left out", func() bool { return s.NodesNow()["reverb-1"].Delivery == "" })
	apptest.WaitNode(t, s.Nodes[0], func(n devnode.Stats) bool { return n.Connections == 0 })
	s.Undrain("reverb-1")
	delivers(s, admin.HealthUp, "reverb-1")
}

func TestNodesThatRestartOneAfterTheOtherAreNotTakenForDeaf(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, delivering)
	all := []string{"reverb-1", "reverb-2", "reverb-3"}
	delivers(s, admin.HealthUp, all...)
	for _, name := range all {
		s.RestartNode(name)
		apptest.WaitNode(t, s.Node(name), func(n devnode.Stats) bool { return n.Subscribed > 0 })
		up(s, name)
		delivers(s, admin.HealthUp, all...)
	}
	if s.Logs.HasAny(func(line map[string]any) bool {
		reason, _ := line["reason"].(string)
		return line["msg"] == "no delivery" || line["msg"] == "node down" && strings.Contains(reason, "Redis")
	}) {
		t.Error("got a node that is deaf or mute, or no delivery, want neither")
	}
}

func TestAReloadTurnsTheCheckOfTheDeliveryOnAndOff(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, apptest.Even+"health: {type: http, interval: 500ms}\n")
	s.Configure(delivering)
	s.Reload()
	delivers(s, admin.HealthUp, "reverb-1", "reverb-2")
	lose(true, true, s.Nodes...)
	s.Logs.Wait(t, "no delivery")
	s.Configure(delivering + "keepalive: {ping: 25s}\n")
	s.Reload() // which changes nothing for it
	delivers(s, admin.HealthDown, "reverb-1", "reverb-2")
	s.Configure(apptest.Even + "health: {type: http, interval: 500ms}\n")
	s.Reload()
	delivers(s, "", "reverb-1", "reverb-2")
	for _, n := range s.Nodes {
		apptest.WaitNode(t, n, func(n devnode.Stats) bool { return n.Connections == 0 })
	}
	if s.Logs.Has("delivery") || strings.Contains(s.Metrics(), "fermata_delivery_up") {
		t.Error("got that events arrive again, or a metric, want neither: nobody looks any more")
	}
}

func TestASecretThatTheNodesDoNotHaveIsNamedAndTakesNoNodeDown(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 2, strings.Replace(delivering, devnode.DefaultAppSecret, "hush-hush", 1))
	line := s.Logs.Wait(t, "node's delivery not checked")
	if err := line["err"].(string); !strings.Contains(err, "status 401") || !strings.Contains(err, "secret") || strings.Contains(err, "hush") {
		t.Errorf("got %v, want the status and what is wrong, and no secret", line)
	}
	for _, n := range s.NodesNow() {
		if n.Health != admin.HealthUp || n.Delivery != "" {
			t.Errorf("got %+v, want a node that is up, and nothing known of its delivery", n)
		}
	}
}
