package health

import "fmt"

// verdict is whether a node counts as up. The first outcome decides; then fall
// failures in a row make it down, and rise passes in a row up again.
type verdict struct {
	rise, fall int
	known, up  bool
	against    int // outcomes in a row that speak against the verdict
}

// add takes one more outcome, and says whether the verdict is new.
func (v *verdict) add(passed bool) (changed bool) {
	if v.known && passed == v.up {
		v.against = 0
		return false
	}
	v.against++
	if v.known && v.against < v.needed() {
		return false
	}
	v.known, v.up, v.against = true, passed, 0
	return true
}

// needed is how many outcomes in a row change the verdict.
func (v *verdict) needed() int {
	if v.up {
		return v.fall
	}
	return v.rise
}

// doubted is whether the last outcome speaks against the verdict.
func (v *verdict) doubted() bool { return v.against > 0 }

// progress says how far the outcomes that speak against the verdict have got,
// to stand before the last one's reason; empty when there are none.
func (v *verdict) progress() string {
	switch {
	case v.against == 0:
		return ""
	case v.up:
		return fmt.Sprintf("failed %d of %d: ", v.against, v.fall)
	}
	return fmt.Sprintf("passed %d of %d: ", v.against, v.rise)
}
