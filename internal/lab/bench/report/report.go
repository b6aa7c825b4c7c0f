package report

import (
	"math"
	"slices"

	"fermata/internal/lab/sheet"
)

// Report is all that was measured. Rows appear in the order of their first
// value.
type Report struct {
	sheet.Head
	Columns  []string          `json:"columns"`  // who was measured
	Rivals   []string          `json:"rivals"`   // whose best a ratio is against
	Versions map[string]string `json:"versions"` // of Columns
	Rows     []*Row            `json:"rows"`
}

// Row is one measure of everybody; less is better.
type Row struct {
	Name   string               `json:"name"`
	Title  string               `json:"title"`
	Unit   string               `json:"unit"`
	Panel  int                  `json:"-"`      // its place in the chart, from 1 on; 0: none
	Values map[string][]float64 `json:"values"` // by column, one for each round
}

// Add adds a round's value. The row is known by its name.
func (r *Report) Add(row Row, column string, value float64) {
	i := slices.IndexFunc(r.Rows, func(known *Row) bool { return known.Name == row.Name })
	if i < 0 {
		row.Values = map[string][]float64{}
		i, r.Rows = len(r.Rows), append(r.Rows, &row)
	}
	values := r.Rows[i].Values
	values[column] = append(values[column], value)
}

// Row finds a row, or returns nil.
func (r *Report) Row(name string) *Row {
	for _, row := range r.Rows {
		if row.Name == name {
			return row
		}
	}
	return nil
}

// Median of a column's rounds; NaN if it has none.
func (r *Row) Median(column string) float64 { return Median(r.Values[column]) }

// Ratio is a column's median divided by the best of the rivals;
// NaN if there is none.
func (r *Row) Ratio(column string, rivals []string) float64 {
	best := math.NaN()
	for _, rival := range rivals {
		if m := r.Median(rival); !math.IsNaN(m) && !(m > best) {
			best = m
		}
	}
	if best <= 0 {
		return math.NaN()
	}
	return r.Median(column) / best
}
