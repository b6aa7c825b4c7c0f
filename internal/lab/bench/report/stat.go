// Package report keeps what the benchmark measured, and shows it as a table,
// as JSON and as a chart.
package report

import (
	"cmp"
	"math"
	"slices"
)

// Percentile is the smallest of sorted values that a part p of them, from 0 to
// 1, does not exceed; 0 where there are none.
func Percentile[T cmp.Ordered](sorted []T, p float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank-1, 0), len(sorted)-1)]
}

// Median is the middle value, or the mean of the two in the middle. It is NaN
// where there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
