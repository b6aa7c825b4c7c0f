package report

import (
	"fmt"
	"html"
	"math"
	"strings"

	"fermata/internal/lab/sheet"
)

// loadAxes map seconds and numbers of clients to a panel's units.
type loadAxes struct {
	from, until float64
	most        int
}

func (a loadAxes) x(t float64) float64 {
	return plotLeft + plotWidth*(min(max(t, a.from), a.until)-a.from)/(a.until-a.from)
}
func (a loadAxes) y(clients int) float64 {
	return plotTop + plotHeight*(1-float64(clients)/float64(a.most))
}

// loadPanel draws how many clients a node has: each balancer's curve, the cap,
// and what happened with the first one.
func (r *Report) loadPanel(b *strings.Builder, scenario Scenario) {
	sheet.PanelTitle(b, scenario.Title)
	cases := r.of(scenario)
	a := fitLoads(scenario, cases)
	a.grid(b)
	for i := len(r.Balancers) - 1; i >= 0; i-- { // the first one on top
		if c := r.find(scenario, r.Balancers[i]); c != nil {
			a.curve(b, scenario, c, i)
		}
	}
	for i, c := range cases {
		if i == 0 {
			a.marks(b, c.Members.Marks)
		}
		a.cap(b, c.Members.Cap)
	}
}

// of are the scenario's cases, in the order of the balancers.
func (r *Report) of(scenario Scenario) (cases []*Case) {
	for _, balancer := range r.Balancers {
		if c := r.find(scenario, balancer); c != nil {
			cases = append(cases, c)
		}
	}
	return cases
}

// fitLoads finds axes on which all curves have room, until some seconds after the
// last mark.
func fitLoads(scenario Scenario, cases []*Case) loadAxes {
	a := loadAxes{until: 10, most: 100}
	for _, c := range cases {
		for _, mark := range c.Members.Marks {
			a.until = max(a.until, math.Ceil(mark.T)+4)
		}
		a.most = max(a.most, c.Members.Cap)
		for _, l := range c.Members.Loads {
			if l.T >= a.from {
				a.most = max(a.most, scenario.Shown(l))
			}
		}
	}
	a.most += a.most / 20
	return a
}

func (a loadAxes) grid(b *strings.Builder) {
	step := 100
	for a.most/step > 6 {
		step *= 2
	}
	for n := 0; n <= a.most; n += step {
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %.1fh%d\"/>", plotLeft, a.y(n), plotWidth)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d</text>\n", plotLeft-5, a.y(n)+4, n)
	}
	every := 5.0
	for (a.until-a.from)/every*labelSpace > plotWidth {
		every *= 2
	}
	for t := a.from; t <= a.until; t += every {
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f s</text>\n", a.x(t), plotTop+plotHeight+16, t)
	}
}

// curve goes in straight lines: the samples are close to each other.
func (a loadAxes) curve(b *strings.Builder, scenario Scenario, c *Case, i int) {
	fmt.Fprintf(b, "<path class=\"%s\" %s d=\"", curveClass(i), strokes[i%len(strokes)])
	command := 'M'
	for _, l := range c.Members.Loads {
		if l.T >= a.from && l.T <= a.until {
			fmt.Fprintf(b, "%c%.1f %.1f", command, a.x(l.T), a.y(scenario.Shown(l)))
			command = 'L'
		}
	}
	b.WriteString("\"/>\n")
}

// marks stand at the right of their lines, each below the one before it.
func (a loadAxes) marks(b *strings.Builder, marks []Mark) {
	for i, mark := range marks {
		x, anchor, shift := a.x(mark.T), "start", 4
		if x > plotLeft+plotWidth/2 {
			anchor, shift = "end", -4
		}
		fmt.Fprintf(b, "<path class=\"mark\" d=\"M%.1f %dv%d\"/>", x, plotTop, plotHeight)
		fmt.Fprintf(b, "<text class=\"happened\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x+float64(shift), plotTop+12+13*(i%4), anchor, html.EscapeString(mark.What))
	}
}

func (a loadAxes) cap(b *strings.Builder, clients int) {
	if clients > 0 {
		fmt.Fprintf(b, "<path class=\"cap\" d=\"M%d %.1fh%d\"/>\n", plotLeft, a.y(clients), plotWidth)
	}
}
