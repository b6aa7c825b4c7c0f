package report

import (
	"io"
	"math"

	"fermata/internal/lab/sheet"
)

// JSON writes the report with every round's value, and medians and ratios
// beside them.
func (r *Report) JSON(w io.Writer) error {
	type row struct {
		*Row
		Medians map[string]float64 `json:"medians"`
		Ratios  map[string]float64 `json:"ratios"` // to the best of the rivals
	}
	rows := make([]row, len(r.Rows))
	for i, known := range r.Rows {
		rows[i] = row{known, map[string]float64{}, map[string]float64{}}
		for column := range known.Values {
			put(rows[i].Medians, column, known.Median(column))
			put(rows[i].Ratios, column, known.Ratio(column, r.Rivals))
		}
	}
	return sheet.JSON(w, struct {
		*Report
		Rows []row `json:"rows"`
	}{r, rows})
}

// put leaves out what JSON has no word for.
func put(to map[string]float64, column string, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		to[column] = value
	}
}
