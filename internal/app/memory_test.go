package app

import (
	"slices"
	"testing"
)

func TestAStormHasPassedOnceHardlyAnybodyComesOrGoes(t *testing.T) {
	f := func(counts []int64, want ...int) {
		t.Helper()
		var s storm
		var got []int
		for second, count := range counts {
			if s.passed(count) {
				got = append(got, second)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got the end of a storm in the seconds %v, want %v", counts, got, want)
		}
	}
	f([]int64{0, 0, 0})
	f([]int64{199, 199, 199})
	f([]int64{500, 1000, 1040, 1040, 1040}, 2)
	f([]int64{1000, 1000, 1000, 2000, 2000}, 1, 4) // 1,000 come, and go two seconds later
	f([]int64{200, 200}, 1)
	f([]int64{1000, 1052, 1052}, 1) // a twentieth is hardly anybody
	f([]int64{1000, 1053, 1053}, 2)
	f([]int64{100, 200, 300, 400, 500, 600}) // it goes on
}
