package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// Sizes of the chart, in its own units, which are pixels at full size.
const (
	chartWidth  = 860
	panelWidth  = chartWidth/2 - 10
	labelWidth  = 64
	numberWidth = 92
	barHeight   = 14
	barStep     = 19
	titleHeight = 26
	panelSpace  = 18
)

// The chart's colours are readable on white and on black; the style makes text
// stronger where the reader's preference is known.
const chartStyle = `<style>
text { font: 12px system-ui, sans-serif; fill: #7a828c }
.title { font-weight: 600 }
.bar { fill: #8b949e; opacity: .55 }
.first { fill: #e0662b; opacity: 1 }
@media (prefers-color-scheme: light) { .title, .own { fill: #1f2328 } text { fill: #59636e } }
@media (prefers-color-scheme: dark) { .title, .own { fill: #f0f6fc } text { fill: #9198a1 } }
</style>
`

// SVG draws the rows that have a Panel, two panels a line, a bar for each of
// the columns; the first column stands out.
func (r *Report) SVG(w io.Writer, columns []string) error {
	rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row *Row) bool { return row.Panel == 0 })
	slices.SortFunc(rows, func(a, b *Row) int { return cmp.Compare(a.Panel, b.Panel) })
	height := panelHeight(columns)
	var b strings.Builder
	total := (len(rows) + 1) / 2 * height
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%[1]d\" height=\"%d\" role=\"img\">\n", chartWidth, total, total)
	fmt.Fprintf(&b, "<title>%s: less is better</title>\n%s", html.EscapeString(strings.Join(columns, ", ")), chartStyle)
	for i, row := range rows {
		fmt.Fprintf(&b, "<g transform=\"translate(%d,%d)\">\n", i%2*(panelWidth+20), i/2*height)
		row.panel(&b, columns)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func panelHeight(columns []string) int { return titleHeight + len(columns)*barStep + panelSpace }

func (r *Row) panel(b *strings.Builder, columns []string) {
	fmt.Fprintf(b, "<text class=\"title\" x=\"0\" y=\"16\">%s</text>\n", html.EscapeString(r.Title))
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
