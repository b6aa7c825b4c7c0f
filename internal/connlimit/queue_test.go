package connlimit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAQueueKeepsTheOrderWhoeverLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want []*place
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(want) > 0 && rapid.Bool().Draw(t, "one leaves") {
				at := rapid.IntRange(0, len(want)-1).Draw(t, "which")
				want[at].leave()
				want = slices.Delete(want, at, at+1)
			} else {
				p := new(place)
				q.add(p)
				want = append(want, p)
			}
			var forth, back []*place
			for p := q.first; p != nil; p = p.after {
				forth = append(forth, p)
			}
			for p := q.last; p != nil; p = p.before {
				back = append([]*place{p}, back...)
			}
			if !slices.Equal(forth, want) || !slices.Equal(back, want) {
				t.Fatalf("got %d places, and %d backwards, want the %d that are in it, in their order", len(forth), len(back), len(want))
			}
		}
	})
}
