package proxy

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// wantApps compares the clients by app of a node.
func wantApps(t *testing.T, ts *tallies, node string, want map[string]int) {
	t.Helper()
	for _, tally := range ts.all() {
		if tally.Node == node {
			if !maps.Equal(tally.Apps, want) {
				t.Errorf("%s: got %v, want %v", node, tally.Apps, want)
			}
			return
		}
	}
	t.Errorf("%s: got no tally, want %v", node, want)
}

func (ts *tallies) join(node, key string) *client {
	c := new(client)
	c.tally, c.app = ts.enter(node, key)
	return c
}

func TestClientsAreCountedByNodeAndApp(t *testing.T) {
	var ts tallies
	first, second := ts.join("a", "chat"), ts.join("a", "chat")
	ts.join("a", "shop")
	ts.join("b", "chat")
	nobody := ts.join("b", "")
	wantApps(t, &ts, "a", map[string]int{"chat": 2, "shop": 1})
	wantApps(t, &ts, "b", map[string]int{"chat": 1})
	for _, c := range []*client{first, second, nobody, new(client)} {
		ts.leave(c)
	}
	wantApps(t, &ts, "a", map[string]int{"shop": 1})
	wantApps(t, &ts, "b", map[string]int{"chat": 1})
	ts.forget("a")
	if all := ts.all(); len(all) != 1 || all[0].Node != "b" {
		t.Errorf("got %v, want b alone", all)
	}
}

func TestAppsBeyondTheMostAreCountedTogetherUntilThereIsRoom(t *testing.T) {
	var ts tallies
	want := map[string]int{}
	var first *client
	for i := range mostApps {
		key := fmt.Sprint("app-", i)
		want[key] = 1
		if c := ts.join("a", key); i == 0 {
			first = c
		}
	}
	one := ts.join("a", "late")
	ts.join("a", "later")
	want[otherApps] = 2
	wantApps(t, &ts, "a", want)

	ts.leave(first)
	ts.leave(one)
	ts.join("a", "new")
	ts.join("a", "newer")
	delete(want, "app-0")
	want["new"], want[otherApps] = 1, 2
	wantApps(t, &ts, "a", want)
}

func TestTheAppsKeyIsInThePath(t *testing.T) {
	below := func(prefix, path, want string) {
		t.Helper()
		if got := appKey(path, prefix); got != want {
			t.Errorf("%q below %q: got %q, want %q", path, prefix, got, want)
		}
	}
	f := func(path, want string) { t.Helper(); below("", path, want) }
	f("/app/key", "key")
	f("/ws/app/key", "")
	f("/chat/app/room", "")
	f("/app/key/more", "")
	below("/ws", "/ws/app/key", "key")
	below("/ws", "/app/key", "")
	below("/ws", "/ws2/app/key", "")
	below("/ws", "/ws/ws/app/key", "")
	f("/app/", "")
	f("/apps/key", "")
	f("/", "")
	f("/app/"+strings.Repeat("k", 64), strings.Repeat("k", 64))
	f("/app/"+strings.Repeat("k", 65), otherApps)
	f("/app/\xff", otherApps)
}
