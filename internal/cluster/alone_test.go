package cluster

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"fermata/balancer"
)

// lone is one with a node that has a cap.
func lone(most int) *Alone {
	return NewAlone(func(View) {}, func() Report {
		return Report{Nodes: map[string]NodeReport{"a": {Up: true, Cap: most}, "free": {Up: true}}}
	})
}

func decide(a *Alone, node string) error {
	return a.Decide(context.Background(), false, func(_ View, s *State) error {
		if s.Nodes == nil {
			s.Nodes = make(map[string]Decision)
		}
		s.Nodes[node] = Decision{Stamp: a.Stamp(), Drain: new(balancer.Drain)}
		return nil
	})
}

func TestWhoGivesItsPlaceAwayDecidesNothingUntilItHasItBack(t *testing.T) {
	old, heir := lone(100), lone(100)
	if err := decide(old, "a"); err != nil {
		t.Fatal(err)
	}
	heir.Recall(old.Yield(map[string]int{"a": 30}))
	if err := decide(old, "free"); !errors.Is(err, ErrLed) {
		t.Errorf("got %v, want %v", err, ErrLed)
	}
	if heir.View().State.Nodes["a"].Drain == nil {
		t.Error("got no drain, want that of before")
	}
	heir.Lead([]Peer{{Report: old.Report(), Claims: map[string]int{"a": 30}}})
	if err := decide(heir, "free"); err != nil {
		t.Fatal(err)
	}
	old.Follow(heir.View().State, heir.View().Members, map[string]int{"a": 30})
	if old.View().State.Nodes["free"].Drain == nil || len(old.View().Members) != 2 || len(heir.View().Members) != 2 {
		t.Errorf("got %+v and %+v, want both to know both, and what is decided", old.View(), heir.View())
	}
	if got, want := old.Stamp(), heir.View().State.Nodes["free"].Stamp; !got.After(want) {
		t.Errorf("got %v, want a stamp after %v", got, want)
	}
	old.Unfollow()
	if err := decide(old, "free"); err != nil || old.View().Self != "" {
		t.Errorf("got %v, %+v, want it to be alone and to decide", err, old.View())
	}
	heir.Lead(nil)
	if heir.View().Self != "" {
		t.Errorf("got %+v, want it to be alone", heir.View())
	}
}

func TestProcessesThatAreOneStartNoMoreUpgradesThanOne(t *testing.T) {
	heir := lone(0)
	olds := []*Alone{lone(0), lone(0), lone(0)}
	var peers []Peer
	for _, old := range olds {
		old.Yield(nil)
		peers = append(peers, Peer{Report: old.Report()})
	}
	heir.Lead(peers)
	all := heir.View().UpgradeShare("a")
	for _, old := range olds {
		old.Follow(heir.View().State, heir.View().Members, nil)
		all += old.View().UpgradeShare("a")
	}
	if all > 1.0001 || heir.View().UpgradeShare("a") < 0.5 {
		t.Errorf("got parts of %v, of which the new one has %v, want 1, and most for it", all, heir.View().UpgradeShare("a"))
	}
}

// Claims come late, and only get fewer.
func TestProcessesThatAreOneNeverHaveMoreThanACapTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 200).Draw(t, "cap")
		heir := lone(most)
		olds := make([]*Alone, rapid.IntRange(1, 3).Draw(t, "predecessors"))
		claims, heard := make([]int, len(olds)), make([]int, len(olds))
		left := most
		for i := range olds {
			olds[i] = lone(most)
			claims[i] = rapid.IntRange(0, left).Draw(t, "claim")
			left -= claims[i]
			heard[i] = claims[i]
			olds[i].Yield(map[string]int{"a": claims[i]})
		}
		check := func() {
			all := 0
			for i, a := range append(olds, heir) {
				quota, known := a.View().Quota("a")
				if !known {
					t.Fatalf("process %d knows of no quota", i)
				}
				all += quota
			}
			if all > most {
				t.Fatalf("got quotas of %d together, want at most %d", all, most)
			}
			if _, capped := heir.View().Quota("free"); capped {
				t.Fatal("a node without a cap has one")
			}
		}
		lead := func() {
			var peers []Peer
			for i, old := range olds {
				peers = append(peers, Peer{Report: old.Report(), Claims: map[string]int{"a": heard[i]}})
			}
			heir.Lead(peers)
		}
		lead()
		check()
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			i := rapid.IntRange(0, len(olds)-1).Draw(t, "who")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				claims[i] = rapid.IntRange(0, claims[i]).Draw(t, "fewer")
				olds[i].Follow(heir.View().State, heir.View().Members, map[string]int{"a": claims[i]})
			case 1:
				heard[i] = claims[i]
				lead()
			case 2:
				olds[i].Follow(heir.View().State, heir.View().Members, map[string]int{"a": claims[i]})
			}
			check()
		}
	})
}
