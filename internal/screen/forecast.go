package screen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fermata/internal/admin"
)

// lines are the question, with the forecast of the dry run: the fullest nodes
// first, since there may be no room for all.
func (q *question) lines(width int) []line {
	lines := append([]line{nil}, wrap(q.refused, red, width)...)
	lines = append(lines, wrap(q.text(), bold, width)...)
	switch {
	case q.stage != asking && q.stage != draining:
		return lines
	case len(q.answer.Forecast) == 0:
		return append(lines, line{{"No other node can take them now.", plain}})
	}
	loads := slices.Clone(q.answer.Forecast)
	slices.SortStableFunc(loads, func(a, b admin.Load) int {
		return cmp.Or(cmp.Compare(share(b), share(a)), cmp.Compare(b.After, a.After))
	})
	return append(lines, forecastLines(loads, width)...)
}

func (q *question) text() string {
	switch q.stage {
	case rehearsing:
		return "Asking what a drain of " + q.node + " would do …"
	case refused:
		return q.node + " can only be drained by force."
	case draining:
		return "Draining " + q.node + " …"
	}
	how := ""
	if q.force {
		how = ", by force"
	}
	return fmt.Sprintf("Drain %s of %s%s?", q.node, plural(q.answer.Connections, "client"), how)
}

// keys are those that answer it.
func (q *question) keys() []string {
	switch q.stage {
	case asking:
		return []string{"y drain", "n leave it alone"}
	case refused:
		return []string{"f force …", "n leave it alone"}
	case draining:
		return []string{"Ctrl-C quit"}
	}
	return []string{"n leave it alone"}
}

func share(l admin.Load) float64 {
	if l.MaxConnections == 0 {
		return 0
	}
	return float64(l.After) / float64(l.MaxConnections)
}

// forecastLines are what the others have, and will have.
func forecastLines(loads []admin.Load, width int) []line {
	g := gridFor(nil, width)
	most := 1
	for _, l := range loads {
		g.name = max(g.name, min(columns(clean(l.Node)), max(width/3, 4)))
		most = max(most, l.After)
	}
	lines := []line{{{"  " + g.cells(left("NODE", g.name), right("NOW", 7), right("AFTER", 7), right("MAX", 7)), bold}}}
	for _, l := range loads {
		lines = append(lines, g.forecast(l, most, width))
	}
	return lines
}

func (g grid) forecast(l admin.Load, most, width int) line {
	limit, against := "none", most
	if l.MaxConnections > 0 {
		limit, against = fmt.Sprint(l.MaxConnections), l.MaxConnections
	}
	look := fullness(share(l))
	text := line{
		{"  " + g.cells(left(l.Node, g.name), right(fmt.Sprint(l.Connections), 7)), plain},
		{g.space() + right(fmt.Sprint(l.After), 7), look},
		{g.space() + right(limit, 7), plain},
	}
	if l.MaxConnections > 0 && l.After > l.MaxConnections {
		return append(text, span{g.space() + "too many", red})
	}
	if room := width - text.columns() - g.gap; room >= leastBar {
		text = append(text, span{g.space() + bar(float64(l.After)/float64(against), min(room, 24)), look})
	}
	return text
}

// wrap breaks text at its spaces.
func wrap(text string, look style, width int) []line {
	var words []line
	for word := range strings.FieldsSeq(clean(text)) {
		words = append(words, line{{word, look}})
	}
	return flow(words, " ", width)
}
