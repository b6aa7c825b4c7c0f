package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"

	"fermata/internal/lab/sheet"
)

// Sizes of the chart, in its own units, which are pixels at full size.
const (
	panelWidth  = sheet.Column - 20
	labelWidth  = 64
	numberWidth = 92
	barHeight   = 14
	barStep     = 19
	titleHeight = 26
	panelSpace  = 18
)

const barStyle = `.bar { fill: #8b949e; opacity: .55 }
.first { fill: #e0662b; opacity: 1 }
`

// SVG draws the rows that have a Panel, two panels a line, a bar for each of
// the columns; the first column stands out.
func (r *Report) SVG(w io.Writer, columns []string) error {
	rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row *Row) bool { return row.Panel == 0 })
	slices.SortFunc(rows, func(a, b *Row) int { return cmp.Compare(a.Panel, b.Panel) })
	chart := sheet.Chart{
		Title:  strings.Join(columns, ", ") + ": less is better",
		Style:  barStyle,
		Panels: len(rows),
		Height: titleHeight + len(columns)*barStep + panelSpace,
		Panel:  func(b *strings.Builder, i int) { rows[i].panel(b, columns) },
	}
	return chart.SVG(w)
}

func (r *Row) panel(b *strings.Builder, columns []string) {
	sheet.PanelTitle(b, r.Title)
	most := 0.0
	for _, column := range columns {
		if m := r.Median(column); m > most {
			most = m
		}
	}
	for i, column := range columns {
		r.bar(b, column, titleHeight+i*barStep, most, i == 0)
	}
}

func (r *Row) bar(b *strings.Builder, column string, y int, most float64, first bool) {
	value, class, own := r.Median(column), "bar", ""
	if first {
		class, own = "bar first", ` class="own"`
	}
	baseline := y + barHeight - 3
	fmt.Fprintf(b, "<text%s x=\"0\" y=\"%d\">%s</text>\n", own, baseline, html.EscapeString(column))
	if math.IsNaN(value) {
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">not measured</text>\n", labelWidth, baseline)
		return
	}
	width := 0.0
	if most > 0 {
		width = max(value, 0) / most * (panelWidth - labelWidth - numberWidth)
	}
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, labelWidth, y, max(width, 1), barHeight)
	fmt.Fprintf(b, "<text%s x=\"%.1f\" y=\"%d\">%s %s</text>\n", own, labelWidth+max(width, 1)+6, baseline, number(value), html.EscapeString(r.Unit))
}
