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
	// Exchanges are the key exchanges of Columns with clients who offer what a browser
	// does.
	Exchanges map[string]string `json:"exchanges,omitempty"`
	Rows      []*Row            `json:"rows"`
}

// Row is one measure of everybody; less is better, unless it says otherwise.
type Row struct {
	Name   string               `json:"name"`
	Title  string               `json:"title"`
	Unit   string               `json:"unit"`
	Rivals []string             `json:"rivals,omitempty"` // of this row; nil: the report's
	Panel  int                  `json:"-"`                // its place in the chart, from 1 on; 0: none
	Values map[string][]float64 `json:"values"`           // by column, one for each round
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

// Column adds a column, unless there is one of that name.
func (r *Report) Column(name string) {
	if !slices.Contains(r.Columns, name) {
		r.Columns = append(r.Columns, name)
	}
}

// Exchange is told a column's key exchange.
func (r *Report) Exchange(column, name string) {
	if r.Exchanges == nil {
		r.Exchanges = map[string]string{}
	}
	r.Exchanges[column] = name
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

// Ratio is a column's median divided by the best of the row's rivals or, where it
// has none of its own, of these; NaN if there is none.
func (r *Row) Ratio(column string, rivals []string) float64 {
	if r.Rivals != nil {
		rivals = r.Rivals
	}
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
