//go:build unix

package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/lab/redisserver"
)

// startMember is a Fermata of a cluster that meets there.
func startMember(t *testing.T, redis *redisserver.Server, name, text string) *front {
	t.Helper()
	return startMemberAt(t, "redis://"+redis.Address(), name, text)
}

// untilPart waits until this member has places at every node: a drain would leave
// none that it can use before.
func (f *front) untilPart() {
	f.t.Helper()
	select {
	case <-f.hasPart:
	case <-time.After(waiting):
		f.t.Fatal("got no part of the nodes' max_connections")
	}
}

// startMembers are several, which hear each other.
func startMembers(t *testing.T, redis *redisserver.Server, text string, names ...string) (all []*front) {
	t.Helper()
	for _, name := range names {
		all = append(all, startMember(t, redis, name, text))
	}
	for _, f := range all {
		f.untilMembers(len(names))
		f.untilPart()
		for _, n := range f.Nodes(true).Nodes {
			f.eventually(n.Name+" is up at all members", func() (any, bool) {
				seen, up := f.Nodes(false).Nodes, 0
				for _, at := range seen {
					for _, m := range at.Members {
						if at.Name == n.Name && m.Health == admin.HealthUp && !m.Checked.IsZero() {
							up++
						}
					}
				}
				quota, _ := f.council.View().Quota(n.Name)
				return seen, up == len(names) && quota > 0
			})
		}
	}
	return all
}

func (f *front) untilMembers(want int) {
	f.t.Helper()
	f.eventually(fmt.Sprintf("%d members", want), func() (any, bool) {
		c := f.Nodes(false).Cluster
		return c, len(c.Members) == want
	})
}

// twoReverbs starts two nodes, and is the configuration of them.
func twoReverbs(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("nodes:\n  - {name: a, url: 'http://127.0.0.1:%s'}\n  - {name: b, url: 'http://127.0.0.1:%s'}\n",
		startNode(t, "a", "127.0.0.1:0"), startNode(t, "b", "127.0.0.1:0"))
}

func isState(state string, clients int) func(admin.Node) bool {
	return func(n admin.Node) bool { return n.State == state && n.Connections == clients }
}

func TestADrainAtOneFermataIsADrainAtAll(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	members := startMembers(t, redis, twoReverbs(t), "edge-1", "edge-2", "edge-3")
	var clients []client
	for _, f := range members {
		f.untilUp("a")
		f.untilUp("b")
		clients = append(clients, f.connectOn("a"))
	}
	members[1].until("a", "has the clients of all", func(n admin.Node) bool { return n.Connections >= 3 && len(n.Members) == 3 })
	if _, err := members[0].Drain("a", admin.DrainRequest{Rate: new(0)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if code := c.closed(); code != 4200 {
			t.Errorf("got the code %d, want 4200", code)
		}
	}
	for i, f := range members {
		f.until("a", "is drained", isState(admin.StateDrained, 0))
		if i > 0 {
			f.untilLogged("clients to move, by edge-1")
		} else if f.logged("clients to move, by edge-1") != 0 {
			t.Error("got a line that edge-1 drains on edge-1 itself, want it on the others alone")
		}
	}
	if _, err := members[2].Undrain("a", admin.UndrainRequest{}); err != nil {
		t.Fatal(err)
	}
	for _, f := range members {
		f.until("a", "is ready", isState(admin.StateReady, 0))
	}
}

func TestTwoDrainsAtTheSameTimeLeaveANode(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	members := startMembers(t, redis, twoReverbs(t), "edge-1", "edge-2")
	for range 5 {
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i, node := range []string{"a", "b"} {
			both.Go(func() { _, errs[i] = members[i].Drain(node, admin.DrainRequest{}) })
		}
		both.Wait()
		if refused := errors.Is(errs[0], admin.ErrRefused) != errors.Is(errs[1], admin.ErrRefused); !refused || errs[0] != nil && errs[1] != nil {
			t.Fatalf("got %v and %v, want one of them refused", errs[0], errs[1])
		}
		for i, node := range []string{"a", "b"} {
			if _, err := members[1-i].Undrain(node, admin.UndrainRequest{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWithoutRedisADrainIsRefusedOrLocalAndThenToldToAll(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	members := startMembers(t, redis, twoReverbs(t), "edge-1", "edge-2")
	redis.Kill()
	_, err := members[0].Drain("a", admin.DrainRequest{})
	if !errors.Is(err, admin.ErrAway) {
		t.Errorf("got %v, want %v", err, admin.ErrAway)
	}
	if _, err := members[0].Drain("a", admin.DrainRequest{Local: true}); err != nil {
		t.Errorf("got %v, want a drain here alone", err)
	}
	if local := members[0].Nodes(true).Nodes[0]; local.State != admin.StateDrained {
		t.Errorf("got %s for this one alone, want drained", local.State)
	}
	if other := members[1].Nodes(false).Nodes[0]; other.State != admin.StateReady {
		t.Errorf("the other: got %s, want ready as before", other.State)
	}
	members[0].eventually("that Redis is away", func() (any, bool) {
		c := members[0].Nodes(false).Cluster
		return c, c.Away != "" && len(c.Members) == 2
	})
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	for _, f := range members {
		f.until("a", "is drained", isState(admin.StateDrained, 0))
		if c := f.Nodes(false).Cluster; c.Away != "" {
			t.Errorf("got %q, want Redis back", c.Away)
		}
	}
}

func TestADrainOutlastsTheRestartOfAllMembers(t *testing.T) {
	t.Parallel()
	redis, text := redisserver.New(t, redisserver.Options{}), twoReverbs(t)
	t.Run("before", func(t *testing.T) { // Fermatas that end with this
		members := startMembers(t, redis, text, "edge-1", "edge-2")
		if _, err := members[0].Drain("a", admin.DrainRequest{Rate: new(7)}); err != nil {
			t.Fatal(err)
		}
	})
	f := startMember(t, redis, "edge-3", text)
	f.until("a", "is still drained", func(n admin.Node) bool { return n.State == admin.StateDrained && n.Drain.Rate == 7 })
	f.untilLogged("still draining, as before the restart")
	if f.logged(`"msg":"drain"`) != 0 {
		t.Error("got a new drain in the log, want one as before the restart alone")
	}
}

func TestDrainsThatWereDecidedApartAndLeaveNoNodeAreTold(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	members := startMembers(t, redis, twoReverbs(t), "edge-1", "edge-2")
	redis.Kill()
	for i, node := range []string{"a", "b"} {
		if _, err := members[i].Drain(node, admin.DrainRequest{Local: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	for _, f := range members {
		f.untilLogged("too few usable nodes are left, drains were decided apart")
	}
}

// rollOnce tries the rule of a roll: nobody does anything in it but its runner.
func rollOnce(t *testing.T, first, second *front) {
	t.Helper()
	nodes := []string{"a", "b"}
	mine, err := first.SetRoll(admin.Roll{Nodes: nodes, Runner: "one"})
	if err != nil || mine.Fence == 0 || mine.Until.IsZero() {
		t.Fatalf("got %+v, %v, want a roll with a fence and a lease", mine, err)
	}
	if _, err := second.SetRoll(admin.Roll{Nodes: nodes, Runner: "two"}); !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "run by one") {
		t.Errorf("a second roll: got %v, want it refused, as one runs another", err)
	}
	if _, err := second.Drain("a", admin.DrainRequest{Fence: mine.Fence}); err != nil {
		t.Errorf("a step: got %v, want it done, whoever is asked", err)
	}
	if _, err := first.SetRoll(admin.Roll{Nodes: nodes[1:], Runner: "one", Fence: mine.Fence}); err != nil {
		t.Errorf("the next step: got %v, want it done", err)
	}
	second.eventually("b is left", func() (any, bool) { r := second.Roll(); return r, slices.Equal(r.Nodes, nodes[1:]) })
	if _, err := second.SetRoll(admin.Roll{}); err != nil {
		t.Errorf("the end by somebody else: got %v, want it done", err)
	}
	lost := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, admin.ErrRollLost) {
			t.Errorf("%s: got %v, want %v", what, err, admin.ErrRollLost)
		}
	}
	_, err = first.Drain("b", admin.DrainRequest{Fence: mine.Fence})
	lost("a drain after that", err)
	_, err = first.Undrain("a", admin.UndrainRequest{Fence: mine.Fence})
	lost("an undrain", err)
	_, err = first.SetRoll(admin.Roll{Nodes: nodes[1:], Runner: "one", Fence: mine.Fence})
	lost("a step", err)
	again, err := second.SetRoll(admin.Roll{Nodes: nodes, Runner: "two"})
	if err != nil || again.Fence <= mine.Fence {
		t.Errorf("got %+v, %v, want a new roll with a fence above %d", again, err, mine.Fence)
	}
	if _, err := second.SetRoll(admin.Roll{Nodes: []string{"nobody"}, Fence: again.Fence}); !errors.Is(err, admin.ErrUnknownNode) {
		t.Errorf("got %v, want %v", err, admin.ErrUnknownNode)
	}
	second.SetRoll(admin.Roll{Fence: again.Fence})
	if _, err := first.Undrain("a", admin.UndrainRequest{}); err != nil {
		t.Errorf("an undrain by hand: got %v, want it done", err)
	}
}

func TestARollHasOneRunner(t *testing.T) {
	f := startFront(t, twoReverbs(t), func(*App) {})
	rollOnce(t, f, f)
}

func TestARollHasOneRunnerInAClusterToo(t *testing.T) {
	t.Parallel()
	members := startMembers(t, redisserver.New(t, redisserver.Options{}), twoReverbs(t), "edge-1", "edge-2")
	rollOnce(t, members[0], members[1])
}

func TestANodeThatOneMemberAloneCannotReachIsUpAndTold(t *testing.T) {
	t.Parallel()
	redis, text := redisserver.New(t, redisserver.Options{}), twoReverbs(t)
	first := startMember(t, redis, "edge-1", text)
	startMember(t, redis, "edge-2", text)
	third := startMember(t, redis, "edge-3", "nodes:\n  - {name: a, url: 'http://127.0.0.1:9'}\n"+text[strings.Index(text, "  - {name: b"):])
	for _, f := range []*front{first, third} {
		f.until("a", "is down on edge-3 alone", func(n admin.Node) bool {
			return n.Health == admin.HealthUp && strings.HasPrefix(n.Reason, "down on edge-3: ") && len(n.Members) == 3
		})
	}
	first.untilPart()
	if n := third.Nodes(true).Nodes[0]; n.Health != admin.HealthDown || n.Members != nil {
		t.Errorf("edge-3 alone: got %+v, want it down", n)
	}
	if _, err := first.Drain("b", admin.DrainRequest{}); !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "on edge-3") {
		t.Errorf("got %v, want a drain refused that leaves edge-3 without a node", err)
	}
}

func TestARebalanceAtOneFermataIsARebalanceAtAll(t *testing.T) {
	t.Parallel()
	members := startMembers(t, redisserver.New(t, redisserver.Options{}), twoReverbs(t)+"rebalance: {auto: false}\n", "edge-1", "edge-2")
	for _, f := range members {
		f.untilUp("a")
		f.untilUp("b")
		if _, err := f.Drain("b", admin.DrainRequest{}); err != nil {
			t.Fatal(err)
		}
		f.until("b", "is drained", isState(admin.StateDrained, 0))
	}
	for _, f := range members {
		for range 10 {
			f.connect()
		}
	}
	members[0].until("a", "has all", isState(admin.StateReady, 20))
	if _, err := members[0].Undrain("b", admin.UndrainRequest{}); err != nil {
		t.Fatal(err)
	}
	plan, err := members[1].Rebalance(admin.RebalanceRequest{Rate: new(0)})
	if err != nil || plan.Clients != 10 {
		t.Fatalf("got %+v, %v, want ten clients to move", plan, err)
	}
	members[0].until("a", "has half of them left", isState(admin.StateReady, 10))
	for i, f := range members {
		f.eventually("five are moved here", func() (any, bool) {
			n := f.logged("5 clients to move")
			return n, n == 1
		})
		if n, _ := f.pool.Node("a"); n.Connections != 5 {
			t.Errorf("member %d: got %d clients left, want 5", i, n.Connections)
		}
	}
}
