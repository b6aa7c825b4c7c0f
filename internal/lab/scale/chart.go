//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"

	"fermata/internal/lab/sheet"
)

// Sizes of the chart, in its own units.
const (
	plotLeft     = 58
	plotWidth    = 324
	plotTop      = 30
	plotHeight   = 180
	panelHeight  = plotTop + plotHeight + 30
	legendHeight = 26
)

// What the axes show, as powers of ten: clients, and the part that is used.
const (
	fewest, most = 4, 7
	least, worst = -2, 2
)

const curveStyle = `.grid { stroke: #8b949e; opacity: .25 }
.all { stroke: #d64550; stroke-dasharray: 3 3 }
.curve { fill: none; stroke-width: 2 }
`

var strokes = [...]string{
	`stroke="#d64550"`, `stroke="#b58a2a" stroke-dasharray="12 3"`, `stroke="#4c8dd6" stroke-dasharray="7 3"`,
	`stroke="#e0662b" stroke-dasharray="4 2"`, `stroke="#2f9e5b" stroke-dasharray="2 3"`,
}

// chart shows for each kind of node how much is used in one cell, by its clients.
func chart(l load) *sheet.Chart {
	return &sheet.Chart{
		Title: "What is used in one cell, by the number of clients", Style: curveStyle,
		Panels: len(kinds), Height: panelHeight,
		Legend: legend, LegendHeight: legendHeight,
		Panel: func(b *strings.Builder, i int) { panel(b, l, kinds[i]) },
	}
}

func legend(b *strings.Builder) {
	x := 0
	for i, u := range cellFor(ordinary, kinds[0]).uses(kinds[0]) {
		fmt.Fprintf(b, "<path class=\"curve\" %s d=\"M%d 10h20\"/>\n<text x=\"%d\" y=\"14\">%s</text>\n", strokes[i], x, x+24, u.what)
		x += 38 + 6*len(u.what)
	}
}

func panel(b *strings.Builder, l load, k kind) {
	sheet.PanelTitle(b, k.name)
	grid(b)
	for i, stroke := range strokes {
		fmt.Fprintf(b, "<path class=\"curve\" %s d=\"%s\"/>\n", stroke, curve(l, k, i))
	}
}

// curve is the path of one use, as far as it is within the panel.
func curve(l load, k kind, use int) string {
	var points []string
	for tenths := 10 * fewest; tenths <= 10*most; tenths++ {
		l.clients = int(math.Pow(10, float64(tenths)/10))
		part := cellFor(l, k).uses(k)[use].used
		if part >= math.Pow10(least) && part <= math.Pow10(worst) {
			points = append(points, fmt.Sprintf("%.1f %.1f", x(l.clients), y(part)))
		}
	}
	return "M" + strings.Join(points, "L")
}

func grid(b *strings.Builder) {
	for power := fewest; power <= most; power++ {
		clients := int(math.Pow10(power))
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%.1f %dv%d\"/>\n", x(clients), plotTop, plotHeight)
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x(clients), plotTop+plotHeight+16, count(clients))
	}
	for power := least; power <= worst; power++ {
		class, part := "grid", math.Pow10(power)
		if power == 0 {
			class = "all"
		}
		fmt.Fprintf(b, "<path class=\"%s\" d=\"M%d %.1fh%d\"/>\n", class, plotLeft, y(part), plotWidth)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s %%</text>\n", plotLeft-4, y(part)+4, count(int(math.Round(100*part))))
	}
}

// x and y map to a panel's units; both axes are logarithmic.
func x(clients int) float64 {
	return plotLeft + plotWidth*(math.Log10(float64(clients))-fewest)/(most-fewest)
}

func y(part float64) float64 {
	return plotTop + plotHeight*(worst-math.Log10(part))/(worst-least)
}
