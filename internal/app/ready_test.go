package app

import (
	"errors"
	"fmt"
	"testing"

	"fermata/internal/cluster"
)

func TestAFermataWhoseNodesAreAllFullIsReady(t *testing.T) {
	t.Parallel()
	f := startFront(t, fmt.Sprintf("nodes: [{name: a, url: 'http://127.0.0.1:%s', max_connections: 1}]\n", startNode(t, "a", "127.0.0.1:0")), func(*App) {})
	f.untilUp("a")
	f.connect()
	f.eventually("that it is full", func() (any, bool) { return f.Nodes(false).Nodes, !f.pool.Usable() })
	if !f.Ready() {
		t.Error("got not ready, want ready: a client that is refused stays away for 15 seconds")
	}
	if code := f.turnedAway(); code != 4100 {
		t.Errorf("got the code %d, want 4100, after which a client comes back", code)
	}
}

func TestRoomElsewhereIsThatOfAnotherMemberThatIsHeard(t *testing.T) {
	f := func(mine, others bool, away error, want bool) {
		t.Helper()
		v := cluster.View{Self: "me", Away: away, Members: []cluster.Report{{ID: "me", Room: mine}, {ID: "other", Room: others}}}
		if got := roomElsewhere(v); got != want {
			t.Errorf("room here %v, there %v, away %v: got %v, want %v", mine, others, away, got, want)
		}
	}
	f(true, false, nil, false)
	f(false, true, nil, true)
	f(false, true, errors.New("timeout"), false)
}
