package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/internal/cluster"
	"fermata/internal/config"
)

// watched is a resting Fermata whose log lines are there at once.
func watched(t *testing.T) (*App, *observer.ObservedLogs) {
	t.Helper()
	a, _ := resting(t)
	core, logs := observer.New(zap.InfoLevel)
	a.log = zap.New(core)
	return a, logs
}

// linesOf are what the lines with that message say of a field.
func linesOf(logs *observer.ObservedLogs, message, field string) string {
	var all []string
	for _, line := range logs.FilterMessage(message).All() {
		text, _ := line.ContextMap()[field].(string)
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestAnUndrainOfAnotherMemberIsTold(t *testing.T) {
	t.Parallel()
	a, logs := watched(t)
	if _, err := a.pool.Drain("a", balancer.Drain{}); err != nil {
		t.Fatal(err)
	}
	v := cluster.View{Self: "me", State: cluster.State{Nodes: map[string]cluster.Decision{
		"a":    {Stamp: cluster.Stamp{At: 1, By: "other"}, From: "there"},
		"gone": {Stamp: cluster.Stamp{At: 1, By: "other"}, From: "there"},
	}}}
	a.apply(v)
	a.apply(v) // which is nothing new
	if n, _ := a.pool.Node("a"); n.Drain != nil {
		t.Errorf("got %+v, want the node ready", n)
	}
	if got := linesOf(logs, "undrain", "reason"); got != "takes clients again, by there" {
		t.Errorf("got the lines %q, want one that says who has undrained it", got)
	}
}

func TestTooFewNodesAreToldOfWhereOthersHaveDrainedThem(t *testing.T) {
	t.Parallel()
	f := func(drained, least int, by string, force, up bool, want string) {
		t.Helper()
		a, logs := watched(t)
		a.config.Drain.MinUsable = least
		for _, name := range []string{"a", "b"}[:drained] {
			if _, err := a.pool.Drain(name, balancer.Drain{Force: true}); err != nil {
				t.Fatal(err)
			}
		}
		a.warnTooFew(balancer.Status{Name: "a", Up: up, Drain: &balancer.Drain{Force: force}}, by)
		if got := linesOf(logs, "too few usable nodes are left, drains were decided apart: undrain one", "node"); got != want {
			t.Errorf("%d drained%s, at least %d, force %v, up %v: got a line of %q, want %q", drained, by, least, force, up, got, want)
		}
	}
	const there = ", by there"
	f(2, 0, there, false, true, "a")
	f(1, 0, there, false, true, "") // one is left, which is enough
	f(1, 2, there, false, true, "a")
	f(2, 0, "", false, true, "") // it was decided here, and was allowed
	f(2, 0, there, true, true, "")
	f(2, 0, there, false, false, "") // it takes no clients anyway
}

func TestAMemberShedsItsShareOfARebalance(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	v := ofTwo(cluster.NodeReport{Connections: 3000}) // of 4000
	reliefs, rate := a.partOf(v, cluster.Rebalance{Clients: map[string]int{"a": 100}, Rate: 20})
	if len(reliefs) != 1 || reliefs[0].Clients != 25 || rate != 5 {
		t.Errorf("got %+v at %d a second, want 25 clients at 5: it has a quarter of those there", reliefs, rate)
	}
}

func TestARebalanceOfHalfAMinuteAgoIsLeftToTheOthers(t *testing.T) {
	t.Parallel()
	f := func(age time.Duration, want string) {
		t.Helper()
		a, logs := watched(t)
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now().Add(-age).UnixMilli()
			a.apply(cluster.View{State: cluster.State{Rebalance: cluster.Rebalance{Stamp: cluster.Stamp{At: begun}, Clients: map[string]int{"a": 3}}}})
			a.moves.EndRebalance()
		})
		if got := linesOf(logs, "rebalance", "reason"); got != want {
			t.Errorf("%v ago: got %q, want %q", age, got, want)
		}
	}
	f(30*time.Second, "3 clients to move")
	f(30*time.Second+time.Millisecond, "")
}

func TestWhatOtherMembersDecideIsRememberedHere(t *testing.T) {
	t.Parallel()
	f := func(by string, want bool) {
		t.Helper()
		dir := stateOf(t)
		a, _, stop := run(t, func() (*config.Config, error) { return twoNodes(dir), nil })
		stamp := cluster.Stamp{At: 1000, By: by}
		decided := func(drained, rolled string) cluster.View {
			return cluster.View{Self: "me", State: cluster.State{
				Nodes: map[string]cluster.Decision{drained: {Stamp: stamp, Drain: &balancer.Drain{Force: true}}},
				Roll:  cluster.Roll{Stamp: stamp, Nodes: []string{rolled}},
			}}
		}
		a.apply(decided("a", "b"))
		stop()
		stamp.At++
		a.apply(decided("b", "a")) // others take over what is told from the stop on
		for file, text := range map[string]string{"drains.json": `{"a":{`, "roll.json": `["b"]`} {
			got, _ := os.ReadFile(filepath.Join(dir, file))
			if !want {
				text = ""
			}
			if whole := strings.Join(strings.Fields(string(got)), ""); !strings.HasPrefix(whole, text) || !want && whole != "" {
				t.Errorf("%s, decided by %s: got %q, want %q", file, by, got, text)
			}
		}
	}
	f("other", true)
	f("me", false) // whoever decides here writes it down, and is told if that fails
}
