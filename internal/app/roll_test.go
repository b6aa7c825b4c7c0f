package app

import (
	"errors"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/cluster"
)

func TestARunnerMayActAsLongAsItsRollIsItsOwn(t *testing.T) {
	f := func(now cluster.Roll, fence uint64, want string) {
		t.Helper()
		err := mayAct(now, fence)
		if (err != nil) != (want != "") || err != nil && (!errors.Is(err, admin.ErrRollLost) || !strings.Contains(err.Error(), want)) {
			t.Errorf("fence %d, and %d of %q: got %v, want %q", fence, now.Fence, now.Runner, err, want)
		}
	}
	ours := cluster.Roll{Runner: "deploy-1", Fence: 5}
	f(ours, 0, "")
	f(ours, 5, "")
	f(ours, 6, "") // of a roll that a restart has forgotten
	f(ours, 4, "taken over by deploy-1")
	f(cluster.Roll{Fence: 5}, 4, "ended by somebody else")
}

func TestARollIsToldByWhatIsLeftOfIt(t *testing.T) {
	if got := rollText(nil); got != "ended" {
		t.Errorf("got %q, want that it has ended", got)
	}
	if got := rollText([]string{"a", "b"}); got != "still to be drained: a, b" {
		t.Errorf("got %q, want a and b", got)
	}
}

func TestAClusterIsTheSameWithTheSameOptions(t *testing.T) {
	f := func(one, other *cluster.Options, want bool) {
		t.Helper()
		if got := sameSection(one, other); got != want {
			t.Errorf("%+v and %+v: got the same %v, want %v", one, other, got, want)
		}
	}
	a, b := &cluster.Options{Name: "a"}, &cluster.Options{Name: "b"}
	f(nil, nil, true)
	f(a, nil, false)
	f(nil, a, false)
	f(a, &cluster.Options{Name: "a"}, true)
	f(a, b, false)
}
