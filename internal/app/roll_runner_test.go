package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/cluster"
)

func TestARollIsShownByThisMachinesClock(t *testing.T) {
	t.Parallel()
	until := time.Unix(1000, 0)
	r := rollOf(cluster.View{Offset: 10 * time.Second, State: cluster.State{Roll: cluster.Roll{Runner: "one", Until: until}}})
	if !r.Until.Equal(until.Add(-10*time.Second)) || r.Runner != "one" {
		t.Errorf("got %+v, want it ten seconds earlier: Redis's clock is ahead", r)
	}
	if r := rollOf(cluster.View{Offset: 10 * time.Second}); !r.Until.IsZero() {
		t.Errorf("got a lease until %v, want none without a runner", r.Until)
	}
}

func TestARollWithARunnerHasALeaseAndAFence(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	f := func(what string, asked admin.Roll, wantRunner string, wantFence func(uint64) bool) {
		t.Helper()
		before := a.council.Now()
		now := cluster.Roll{Nodes: []string{"a", "b"}, Runner: "one", Fence: 7}
		next, err := a.nextRoll(now, asked)
		leased := !next.Until.Before(before.Add(admin.RollLease)) && !next.Until.After(a.council.Now().Add(admin.RollLease))
		if err != nil || next.Runner != wantRunner || leased != (wantRunner != "") || !leased && !next.Until.IsZero() || !wantFence(next.Fence) {
			t.Errorf("%s: got %+v, %v, want the runner %q", what, next, err, wantRunner)
		}
	}
	kept := func(fence uint64) bool { return fence == 7 }
	another := func(fence uint64) bool { return fence > 7 }
	f("its next step", admin.Roll{Nodes: []string{"b"}, Runner: "one", Fence: 7}, "one", kept)
	f("its last step", admin.Roll{Runner: "one", Fence: 7}, "", kept)
	f("another one's, once the lease is over", admin.Roll{Nodes: []string{"a"}, Runner: "two"}, "two", another)
	f("one by hand", admin.Roll{Nodes: []string{"a"}}, "", another)
	f("its end by hand", admin.Roll{}, "", another)
}

func TestARollIsRefusedWhileAnotherHasItsLease(t *testing.T) {
	t.Parallel()
	a, _ := resting(t)
	now := cluster.Roll{Nodes: []string{"a"}, Runner: "one", Fence: 7, Until: a.council.Now().Add(time.Minute)}
	f := func(what string, asked admin.Roll, refused bool) {
		t.Helper()
		_, err := a.nextRoll(now, asked)
		if got := errors.Is(err, admin.ErrRefused) && strings.Contains(err.Error(), "run by one"); got != refused || !refused && err != nil {
			t.Errorf("%s: got %v, want it refused: %v", what, err, refused)
		}
	}
	f("another runner's", admin.Roll{Nodes: []string{"b"}, Runner: "two"}, true)
	f("one by hand", admin.Roll{Nodes: []string{"b"}}, true)
	f("the same runner's, begun anew", admin.Roll{Nodes: []string{"b"}, Runner: "one"}, false)
	f("its end by hand", admin.Roll{}, false)
}
