package balancer

import "testing"

func TestAPickExplainsItselfInWords(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	says := func(key Key, sent bool, want string) {
		t.Helper()
		pick, err := p.Explain(key)
		if got := pick.Explain(sent); err != nil || got != want {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
	}
	byHash := clientOf(t, p, "a")
	byCookie := pinned(t, p, byHash, "b")
	says(byHash, false, "by the hash of its address")
	says(byHash, true, "by the hash of its address (its cookie names no node of ours)")
	says(byCookie, true, "by its cookie")
	drain(t, p, "b")
	says(byCookie, true, "by its cookie it would be b, which is draining; the next by the hash of its address is a")
	p.SetHealth("b", false, "dial refused")
	says(byCookie, true, "by its cookie it would be b, which is down; the next by the hash of its address is a")
}

func TestEveryObstacleHasItsWords(t *testing.T) {
	for _, reason := range []Reason{ReasonLoad, ReasonFull, ReasonDown, ReasonDraining, ReasonRetry, ReasonAvoided, ReasonShed} {
		if obstacles[reason] == "" {
			t.Errorf("%s: got no words", reason)
		}
	}
}
