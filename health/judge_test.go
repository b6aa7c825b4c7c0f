package health

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// arrived reads rows such as "x.": from each node, whether it arrives at each.
func arrived(rows string) arrivals {
	var a arrivals
	for _, row := range strings.Fields(rows) {
		var to []bool
		for _, mark := range row {
			to = append(to, mark == 'x')
		}
		a = append(a, to)
	}
	return a
}

func TestWhatArrivesWhereTellsWhoIsDeafAndWhoIsMute(t *testing.T) {
	f := func(name, rows string, want ...outcome) {
		t.Helper()
		if got := arrived(rows).judge(); !slices.Equal(got, want) {
			t.Errorf("%s: of %s got %v, want %v", name, rows, got, want)
		}
	}
	f("nobody takes part", "")
	f("one node that delivers to itself", "x", delivers)
	f("one node that does not", ".", lost)

	f("two that are well", "xx xx", delivers, delivers)
	f("the first is deaf", ".x .x", deaf, delivers)
	f("the second is deaf", "x. x.", delivers, deaf)
	f("the first is mute", ".. xx", mute, delivers)
	f("the first is cut off", ".. .x", cutOff, delivers)
	f("two that share no Redis, or do not scale", "x. .x", split, split)
	f("nothing arrives anywhere", ".. ..", lost, lost)
	f("one is deaf and the other is mute", ".x ..", lost, lost)
	f("one event got lost at its own node", ".x xx", delivers, delivers)
	f("one event got lost in between", "xx .x", split, split)

	f("three, one deaf", ".xx .xx .xx", deaf, delivers, delivers)
	f("three, one mute", "xxx ... xxx", delivers, mute, delivers)
	f("three, one deaf and one mute", ".xx .xx ...", deaf, delivers, mute)
	f("three, two cut off", "x.. ... ...", delivers, cutOff, cutOff)
	f("three, one with a Redis of its own", "xx. xx. ..x", delivers, delivers, cutOff)
	f("three, one hears only itself and is heard", "xxx .xx .xx", deaf, delivers, delivers)
	f("three that share nothing", "x.. .x. ..x", split, split, split)
	f("three, one event got lost in between", "xxx xxx x.x", delivers, delivers, delivers)
	f("four in two halves", "xx.. xx.. ..xx ..xx", split, split, split, split)
	f("five, of which one is alone", "xxxx. xxxx. xxxx. xxxx. ....x", delivers, delivers, delivers, delivers, cutOff)
}

func TestNeverAreAllNodesToBlameEachForItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 6).Draw(t, "nodes")
		a := newArrivals(nodes)
		for from := range a {
			for to := range a[from] {
				a[from][to] = rapid.Bool().Draw(t, "arrived")
			}
		}
		outcomes := a.judge()
		common := slices.ContainsFunc(outcomes, outcome.common)
		if common && slices.ContainsFunc(outcomes, func(o outcome) bool { return o != outcomes[0] }) {
			t.Errorf("of %v got %v, want the same for all", a, outcomes)
		}
		if !common && !slices.Contains(outcomes, delivers) {
			t.Errorf("of %v got %v, want a node that delivers, or the same for all", a, outcomes)
		}
	})
}
