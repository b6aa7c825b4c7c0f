package discover

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// begin is any moment.
var begin = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// series takes one answer after the other, some time apart.
type series struct {
	t *testing.T
	Table
	every time.Duration
	now   time.Time
}

func newSeries(t *testing.T, every time.Duration) *series {
	return &series{t: t, every: every, now: begin}
}

// take takes an answer with these last parts of an address, and wants the nodes
// that there are then.
func (s *series) take(found []int, want ...int) Change {
	s.t.Helper()
	s.now = s.now.Add(s.every)
	c := s.Take(nodesOf(found...), s.now)
	if got := s.Nodes(); !slices.Equal(got, nodesOf(want...)) {
		s.t.Errorf("after %v, %s from the start: got %v, want %v", found, s.now.Sub(begin), got, nodesOf(want...))
	}
	return c
}

func nodesOf(last ...int) (nodes []Node) {
	for _, i := range last {
		address := netip.AddrFrom4([4]byte{10, 0, byte(i / 256), byte(i)})
		nodes = append(nodes, Node{Name: atAddress("reverb", address, 0), URL: urlOf(Source{}, address, 8080)})
	}
	return nodes
}

type these = []int

func TestANodeGoesOnceItIsMissingTwiceInARow(t *testing.T) {
	s := newSeries(t, 5*time.Second)
	if c := s.take(these{2, 1}, 1, 2); len(c.Came) != 2 || !c.Any() {
		t.Errorf("got %+v, want two nodes to come", c)
	}
	if c := s.take(these{1}, 1, 2); c.Any() {
		t.Errorf("missing once: got %+v, want no change", c)
	}
	if c := s.take(these{1}, 1); !slices.Equal(c.Gone, nodesOf(2)) {
		t.Errorf("missing twice: got %+v, want it to go", c)
	}
	if c := s.take(these{1}, 1); c.Any() {
		t.Errorf("missing on: got %+v, want it to go once", c)
	}
	if c := s.take(these{1, 2}, 1, 2); !slices.Equal(c.Came, nodesOf(2)) {
		t.Errorf("back: got %+v, want it to come", c)
	}
}

func TestANodeThatIsThereNowAndThenStays(t *testing.T) {
	s := newSeries(t, 5*time.Second)
	s.take(these{1, 2}, 1, 2)
	for range 100 {
		s.take(these{1}, 1, 2)
		s.take(these{1, 2}, 1, 2)
	}
}

func TestAnswersThatFollowFastRemoveNobodyWithinThreeSeconds(t *testing.T) {
	s := newSeries(t, time.Second)
	s.take(these{1, 2}, 1, 2)
	for range 3 { // the first of which is when it is missed
		s.take(these{1}, 1, 2)
	}
	s.take(these{1}, 1)
}

// round has the node 2 go and come back, and returns how long it was missed.
func (s *series) round() (missed time.Duration) {
	s.t.Helper()
	first := s.now.Add(s.every)
	for len(s.Nodes()) == 2 {
		s.now = s.now.Add(s.every)
		s.Take(nodesOf(1), s.now)
	}
	missed = s.now.Sub(first)
	s.take(these{1, 2}, 1, 2)
	return missed
}

func TestAFlappingNodeIsHeldForLongerAndLonger(t *testing.T) {
	s := newSeries(t, 5*time.Second)
	s.take(these{1, 2}, 1, 2)
	for _, want := range []time.Duration{5 * time.Second, 5 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if got := s.round(); got != want {
			t.Errorf("got it missed for %v before it went, want %v", got, want)
		}
	}
	for range 20 {
		if got := s.round(); got > mostHold {
			t.Errorf("got it missed for %v before it went, want %v at most", got, mostHold)
		}
	}
	s.now = s.now.Add(memory)
	if got := s.round(); got != 5*time.Second {
		t.Errorf("ten quiet minutes later: got it missed for %v, want 5s again", got)
	}
}

func TestFiveThousandAddressesAreNotFiveThousandNodes(t *testing.T) {
	s := newSeries(t, 5*time.Second)
	s.take(these{5001}, 5001)
	all := make([]int, 5000)
	for i := range all {
		all[i] = 4999 - i
	}
	lowest := slices.Sorted(slices.Values(all))[:Most-1]
	kept := append(slices.Clone(lowest), 5001) // it was there before
	for range 3 {
		if c := s.take(append(all, 5001), kept...); c.Refused != 5000-(Most-1) {
			t.Errorf("got %d refused, want %d", c.Refused, 5000-(Most-1))
		}
	}
	for i := range 40 { // always others
		s.now = s.now.Add(s.every)
		s.Take(nodesOf(all[i*100:(i+1)*100]...), s.now)
		if len(s.records) > Most+mostGone {
			t.Fatalf("got %d nodes remembered, want %d at most", len(s.records), Most+mostGone)
		}
	}
}

func TestANodeWhosePlaceOrWeightChangesIsTheSame(t *testing.T) {
	s := newSeries(t, 5*time.Second)
	before := Node{Name: "a", URL: urlOf(Source{}, netip.MustParseAddr("10.0.0.1"), 80), Weight: 1}
	s.Take([]Node{before}, s.now)
	after := before
	after.Weight = 2
	if c := s.Take([]Node{after, before}, s.now); !c.Other || !c.Any() || len(c.Came) > 0 || s.Nodes()[0] != after {
		t.Errorf("got %+v and %v, want the first one's weight", c, s.Nodes())
	}
}

func TestNodesHaveOneNameEverywhere(t *testing.T) {
	f := func(entry, address string, port uint16, want string) {
		t.Helper()
		if got := atAddress(entry, netip.MustParseAddr(address), port); got != want {
			t.Errorf("%s %s %d: got %s, want %s", entry, address, port, got, want)
		}
	}
	longest := "an-entry-of-24-character"
	f("reverb", "10.0.1.10", 0, "reverb-10.0.1.10")
	f("reverb", "10.0.1.10", 8080, "reverb-10.0.1.10-8080")
	f("reverb", "fd00::1a", 0, "reverb-fd00--1a")
	f("reverb", "fd00:1111:2222:3333:4444:5555:6666:7777", 65535, "reverb-fd00-1111-2222-3333-4444-5555-6666-7777-65535")
	f(longest, "fd00:1111:2222:3333:4444:5555:6666:7777", 65535, longest+"-fd001111222233334444555566667777-65535")
	f(longest, "255.255.255.255", 65535, longest+"-255.255.255.255-65535")
}

// Whatever the answers: who was in the last ones is there, nobody goes who was in
// one of the last two, and what is told is what has happened.
func TestTheNodesFollowTheAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table
		now, there := begin, map[string]bool{}
		last := map[string]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "answers") {
			now = now.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond)
			found := nodesOf(rapid.SliceOfN(rapid.IntRange(1, 6), 1, 6).Draw(t, "found")...)
			c := table.Take(found, now)
			for _, n := range found {
				last[n.Name] = now
			}
			for _, n := range c.Gone {
				if missed := now.Sub(last[n.Name]); missed < patience || !there[n.Name] {
					t.Fatalf("%s goes, there before: %v, missed for %v", n.Name, there[n.Name], missed)
				}
				delete(there, n.Name)
			}
			for _, n := range c.Came {
				if there[n.Name] {
					t.Fatalf("%s comes and was there", n.Name)
				}
				there[n.Name] = true
			}
			var names []string
			for _, n := range table.Nodes() {
				names = append(names, n.Name)
			}
			if got, want := fmt.Sprint(slices.Sorted(slices.Values(names))), fmt.Sprint(slices.Sorted(maps.Keys(there))); got != want {
				t.Fatalf("got %s, want %s as it was told", got, want)
			}
			for _, n := range found {
				if !there[n.Name] {
					t.Fatalf("%s is in the answer, and not there", n.Name)
				}
			}
			for name := range there {
				if now.Sub(last[name]) > mostHold+2*20*time.Second {
					t.Fatalf("%s is still there, missed for %v", name, now.Sub(last[name]))
				}
			}
		}
	})
}
