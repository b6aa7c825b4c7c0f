package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"fermata/internal/lab/sheet"
)

// Text writes the report as a table: each column's median, and its ratio to
// the best of the rivals.
func (r *Report) Text(w io.Writer) error {
	lines := [][]string{append([]string{"median (ratio to the best of " + strings.Join(r.Rivals, " and ") + ")", ""}, r.Columns...)}
	for _, row := range r.Rows {
		line := []string{row.Title, row.Unit}
		for _, column := range r.Columns {
			line = append(line, row.cell(column, r.Rivals))
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	sheet.Table(&b, lines, 2)
	fmt.Fprintf(&b, "\n%s; took %v\n", r.Machine, r.Took.Round(time.Second))
	for _, column := range r.Columns {
		if v := r.Versions[column]; v != "" {
			fmt.Fprintf(&b, "%s: %s\n", column, v)
		}
	}
	r.tellExchanges(&b)
	r.TellRemarks(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) tellExchanges(b *strings.Builder) {
	var all []string
	for _, column := range r.Columns {
		if exchange := r.Exchanges[column]; exchange != "" {
			all = append(all, column+" "+exchange)
		}
	}
	if len(all) > 0 {
		fmt.Fprintf(b, "key exchange with clients that offer what a browser does: %s\n", strings.Join(all, ", "))
	}
}

func (r *Row) cell(column string, rivals []string) string {
	value := r.Median(column)
	if math.IsNaN(value) {
		return "-"
	}
	ratio := r.Ratio(column, rivals)
	if math.IsNaN(ratio) {
		return number(value)
	}
	return fmt.Sprintf("%s (%.2f)", number(value), ratio)
}

// number has about three digits.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 100:
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
