package balancer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

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
	p.SetCheck("b", Check{Reason: "dial refused"})
	says(byCookie, true, "by its cookie it would be b, which is down; the next by the hash of its address is a")
}

func TestEveryObstacleHasItsWords(t *testing.T) {
	for _, reason := range []Reason{ReasonLoad, ReasonFull, ReasonDown, ReasonDraining, ReasonRetry, ReasonAvoided, ReasonShed} {
		if obstacles[reason] == "" {
			t.Errorf("%s: got no words", reason)
		}
	}
}

func TestEachNodeSaysWhyItWouldBePassedOver(t *testing.T) {
	var p *Pool
	says := func(key Key, node, want string) {
		t.Helper()
		all := p.Candidates(key)
		i := slices.IndexFunc(all, func(c Candidate) bool { return c.Name == node })
		if got := all[i].Explain(); got != want {
			t.Errorf("%s: got %q, want %q", node, got, want)
		}
	}
	all := nodes("a", "b", "c")
	all[1].MaxConnections = 3
	p = loaded(t, all, 9, 3, 0)
	p.Replace(all, DefaultSticky())
	says(client(1), "a", "above its share of the clients: 9 of 7")
	says(pinned(t, p, client(1), "a"), "a", "can take it")
	says(pinned(t, p, client(1), "b"), "b", "full: 3 of 3 clients")
	says(client(1), "c", "can take it")
	p.SetCheck("b", Check{Reason: "no answer in 1s"})
	drain(t, p, "a")
	says(client(1), "a", "draining: 9 clients left")
	says(client(1), "b", "down: no answer in 1s")
	p.Avoid([]string{"c"})
	says(client(1), "c", "can take it") // as there is no other
	p.SetCheck("b", Check{Up: true, Passed: true, Reason: ""})
	p.Replace(nodes("a", "b", "c"), DefaultSticky())
	says(client(1), "c", "still to be drained in a roll")
	says(pinned(t, p, client(1), "c"), "c", "can take it")
	p = loaded(t, nodes("a", "b"), 5, 0)
	p.Shed(node(t, p, "a"), 2)
	says(pinned(t, p, client(1), "a"), "a", "to have fewer clients: 2")
}

func TestCandidatesHaveTheirRankByTheHash(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	key := clientOf(t, p, "b")
	last := p.Candidates(key)[2].Name
	all := p.Candidates(pinned(t, p, key, last))
	if all[0].Name != last || !all[0].Pinned || all[0].Rank != 3 || all[1].Name != "b" || all[1].Rank != 1 || all[2].Rank != 2 {
		t.Errorf("got %+v, want %s, which the cookie names, first", all, last)
	}
	if c := p.Candidates(Key{})[0]; c.Rank != 0 {
		t.Errorf("without an address: got the rank %d, want none", c.Rank)
	}
}

func TestTheFirstCandidateThatIsNotPassedOverIsThePick(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(rt *rapid.T) {
		p := New(nodes(names...), DefaultSticky())
		for i := range rapid.IntRange(0, 40).Draw(rt, "clients") {
			p.Acquire(client(i))
		}
		for _, name := range names {
			if rapid.IntRange(0, 4).Draw(rt, "down "+name) == 0 {
				p.SetCheck(name, Check{Reason: ""})
			}
			if rapid.IntRange(0, 4).Draw(rt, "drained "+name) == 0 {
				p.Drain(name, Drain{Force: true})
			}
		}
		p.Avoid(rapid.SliceOf(rapid.SampledFrom(names)).Draw(rt, "avoided"))
		key := client(rapid.IntRange(0, 1000).Draw(rt, "client"))
		if name := rapid.SampledFrom(append(names, "")).Draw(rt, "cookie"); name != "" {
			key.Pins = []string{p.Pin(find(p.nodes, name))}
		}
		pick, err := p.Explain(key)
		for _, c := range p.Candidates(key) {
			if c.Reason == "" {
				if err != nil || c.Node != pick.Node {
					rt.Fatalf("got %s, which is not passed over, want the pick %+v, %v", c.Name, pick, err)
				}
				return
			}
		}
	})
}

func TestTheNodeOfTheCookieStandsFirstWhateverItsRank(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	key := clientOf(t, p, "a")
	for _, name := range []string{"a", "b", "c"} {
		all := p.Candidates(pinned(t, p, key, name))
		if len(all) != 3 || all[0].Name != name || !all[0].Pinned || all[1].Pinned || all[2].Pinned {
			t.Errorf("pinned to %s: got %s (%v), %s (%v), %s (%v)", name, all[0].Name, all[0].Pinned, all[1].Name, all[1].Pinned, all[2].Name, all[2].Pinned)
		}
		if all[1].Rank > all[2].Rank {
			t.Errorf("pinned to %s: got the ranks %d and %d after it, want them in order", name, all[1].Rank, all[2].Rank)
		}
	}
}
