package report

import (
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
	plotLeft     = 44
	plotWidth    = 362 // leaves room for half of the last second's label
	plotTop      = 30
	plotHeight   = 130
	panelHeight  = plotTop + plotHeight + 36
	labelSpace   = 34 // from one second's label to the next
	legendHeight = 26
)

const curveStyle = `.grid { stroke: #8b949e; opacity: .25 }
.curve { fill: none; stroke-width: 1.5; stroke-linejoin: round }
.first { stroke-width: 2.5 }
.mark, .cap { stroke: #8b949e; stroke-dasharray: 3 3 }
.cap { stroke: #d64550 }
.happened { font-size: 10px }
`

// strokes are what the balancers' curves look like: the first one stands out,
// and dashes tell them apart where colours do not.
var strokes = []string{
	`stroke="#e0662b"`,
	`stroke="#b58a2a" stroke-dasharray="12 3"`,
	`stroke="#2f9e5b" stroke-dasharray="7 3"`,
	`stroke="#4c8dd6" stroke-dasharray="2 3"`,
	`stroke="#8b949e"`,
}

// SVG draws a panel for each scenario, two a line, with a curve for each
// balancer: the part of the clients that is subscribed, over time.
func (r *Report) SVG(w io.Writer) error {
	chart := sheet.Chart{
		Title:        r.title(),
		Style:        curveStyle,
		Panels:       len(r.Scenarios),
		Height:       panelHeight,
		Legend:       r.legend,
		LegendHeight: legendHeight,
		Panel:        func(b *strings.Builder, i int) { r.panel(b, r.Scenarios[i]) },
	}
	return chart.SVG(w)
}

// loads is whether all scenarios show how many clients a node has.
func (r *Report) loads() bool {
	return !slices.ContainsFunc(r.Scenarios, func(s Scenario) bool { return s.Shows == "" })
}

func (r *Report) title() string {
	if r.loads() {
		return "Clients of a node, over time"
	}
	return "Clients that are subscribed, over time"
}

func (r *Report) legend(b *strings.Builder) {
	x := plotLeft
	for i, balancer := range r.Balancers {
		fmt.Fprintf(b, "<path class=\"%s\" %s d=\"M%d 10h24\"/>\n", curveClass(i), strokes[i%len(strokes)], x)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"14\">%s</text>\n", x+30, html.EscapeString(balancer.Name))
		x += 44 + 13*len(balancer.Name)/2
	}
	what := "share of %d clients subscribed; early seconds drawn wider"
	if r.loads() {
		what = "of %d clients: those on the node that is drained, or on the fullest one"
	}
	fmt.Fprintf(b, "<text x=\"%d\" y=\"14\" text-anchor=\"end\">"+what+"</text>\n", sheet.Width-6, r.Clients)
}

func curveClass(i int) string {
	if i == 0 {
		return "curve first"
	}
	return "curve"
}

// axes map seconds and shares to a panel's units.
type axes struct{ until, least float64 }

// x has the square root of the time, since what matters takes from tenths of
// a second to a minute.
func (a axes) x(t float64) float64 { return plotLeft + plotWidth*math.Sqrt(min(t, a.until)/a.until) }
func (a axes) y(share float64) float64 {
	return plotTop + plotHeight*(1-(share-a.least)/(1-a.least))
}

func (r *Report) panel(b *strings.Builder, scenario Scenario) {
	if scenario.Shows != "" {
		r.loadPanel(b, scenario)
		return
	}
	sheet.PanelTitle(b, scenario.Title)
	a := r.fit(scenario)
	a.grid(b)
	for i := len(r.Balancers) - 1; i >= 0; i-- { // the first one on top
		if c := r.find(scenario, r.Balancers[i]); c != nil {
			a.curve(b, c, i)
		}
	}
}

// fit finds axes on which all curves of a scenario have room.
func (r *Report) fit(scenario Scenario) axes {
	a := axes{until: 10, least: 0.9}
	for _, balancer := range r.Balancers {
		c := r.find(scenario, balancer)
		if c == nil {
			continue
		}
		a.until = max(a.until, c.Watched)
		for _, p := range c.Curve {
			// Some room below, so that no curve lies on the axis.
			a.least = min(a.least, max(math.Floor((p.Share-0.02)*10)/10, 0))
		}
	}
	return a
}

func (a axes) grid(b *strings.Builder) {
	step := 0.1
	if a.least < 0.55 {
		step = 0.2
	}
	for share := 1.0; share > a.least-0.01; share -= step {
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %.1fh%d\"/>", plotLeft, a.y(share), plotWidth)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f %%</text>\n", plotLeft-5, a.y(share)+4, share*100)
	}
	last := math.Inf(-1)
	for _, t := range []float64{0, 1, 2, 5, 10, 20, 40, 60, 90} {
		if t > a.until || a.x(t)-last < labelSpace {
			continue
		}
		last = a.x(t)
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f s</text>\n", last, plotTop+plotHeight+16, t)
	}
}

// curve goes in steps, and on to the panel's end as it was when we stopped
// watching.
func (a axes) curve(b *strings.Builder, c *Case, i int) {
	fmt.Fprintf(b, "<path class=\"%s\" %s d=\"", curveClass(i), strokes[i%len(strokes)])
	fmt.Fprintf(b, "M%.1f %.1f", a.x(0), a.y(1))
	for _, p := range c.Curve {
		fmt.Fprintf(b, "H%.1fV%.1f", a.x(p.T), a.y(p.Share))
	}
	fmt.Fprintf(b, "H%.1f\"/>\n", a.x(a.until))
}
