package app

import (
	"slices"
	"testing"
)

func TestAStormHasPassedOnceHardlyAnybodyComesOrGoes(t *testing.T) {
	f := func(seconds []second, want ...int) {
		t.Helper()
		var s storm
		var got []int
		for i, at := range seconds {
			if s.passed(at.spent, at.clients) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got the end of a storm in the seconds %v, want %v", seconds, got, want)
		}
	}
	f(coming(0, 0, 0))
	f(coming(199, 199, 199))
	f(coming(500, 1000, 1040, 1040, 1040), 2)
	f(coming(200, 200), 1)
	f(coming(1000, 1052, 1052), 1) // a twentieth is hardly anybody
	f(coming(1000, 1053, 1053), 2)
	f(coming(100, 200, 300, 400, 500, 600)) // it goes on

	f([]second{{1000, 0}, {1000, 0}, {2000, 0}, {2000, 0}}, 1, 3)                                      // nobody stays
	f([]second{{1000, 1000}, {1000, 1000}, {1000, 1000}, {1000, 400}, {1000, 0}, {1000, 0}}, 1, 5)     // all go later
	f([]second{{1000, 1000}, {1000, 1000}, {1000, 801}, {1000, 801}, {1000, 800}, {1000, 800}}, 1, 4)  // 199, and one
	f([]second{{1000, 1000}, {1000, 1000}, {1100, 900}, {1100, 900}}, 1, 3)                            // 100 come, and 200 go
	f([]second{{1000, 1000}, {1000, 1000}, {1050, 1050}, {1050, 1050}, {1050, 1000}, {1050, 1000}}, 1) // too few
}

// second is what is known of a Fermata at its end.
type second struct{ spent, clients int64 }

// coming are seconds in which clients come, and all stay.
func coming(spent ...int64) (seconds []second) {
	for _, n := range spent {
		seconds = append(seconds, second{n, n})
	}
	return seconds
}
