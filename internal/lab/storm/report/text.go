package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"fermata/internal/lab/sheet"
)

// Text writes a table for each scenario, a column for each balancer, and
// below them what has to be known to read them.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	for _, scenario := range r.Scenarios {
		r.table(&b, scenario)
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d clients (%s) on 5 nodes, each with a public, a private and a presence channel of 20; numbered events: %v a second; each case was watched for %v at most; %s; took %v\n",
		r.Clients, strings.Join(r.Libraries, " and "), r.Events, r.Patience, r.Machine, r.Took.Round(time.Second))
	for _, balancer := range r.Balancers {
		fmt.Fprintf(&b, "%s: %s. Drain: %s.", balancer.Name, balancer.Setup, balancer.Drain)
		if balancer.Upgrade != "" {
			fmt.Fprintf(&b, " Upgrade: %s.", balancer.Upgrade)
		}
		if balancer.Version != "" {
			fmt.Fprintf(&b, " This is %s.", balancer.Version)
		}
		b.WriteString("\n")
	}
	r.TellRemarks(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// measure is a row of a table.
type measure struct {
	title string
	cell  func(*Case) string
}

// measures are the rows of every table.
var measures = []measure{
	{"clients hit", func(c *Case) string { return fmt.Sprint(c.Hit) }},
	{"of them kept their connection", func(c *Case) string { return fmt.Sprint(c.Kept) }},
	{"50 / 95 / 100 % of them subscribed again after", backAfter},
	{"50 / 95 / 100 % of them were away for", func(c *Case) string { return seconds(c.Away, "-") }},
	{"away at once, at most", func(c *Case) string { return fmt.Sprint(c.AwayAtOnce) }},
	{"upgrades per second at a node, at most", func(c *Case) string { return fmt.Sprint(c.PeakUpgrades) }},
	{"still away in the end", func(c *Case) string { return byLibrary(c.Lost) }},
	{"of them given up by pusher-js", func(c *Case) string { return byLibrary(c.Failed) }},
	{"attempts to connect without a 101", func(c *Case) string { return fmt.Sprint(c.Refused) }},
	{"reconnects", func(c *Case) string { return fmt.Sprint(c.Reconnects) }},
	{"deliveries missed", func(c *Case) string { return c.Deliveries.missed() }},
	{"by so many clients", func(c *Case) string { return fmt.Sprint(c.Deliveries.Clients) }},
	{"deliveries doubled / out of order", func(c *Case) string { return fmt.Sprintf("%d / %d", c.Deliveries.Twice, c.Deliveries.Late) }},
	{"closes, by code", func(c *Case) string { return byCode(c.Closes) }},
}

func backAfter(c *Case) string {
	if c.Hit == 0 {
		return "-"
	}
	return seconds(c.Back, "never")
}

func (r *Report) table(b *strings.Builder, scenario Scenario) {
	lines := [][]string{{scenario.Title}}
	for _, balancer := range r.Balancers {
		lines[0] = append(lines[0], balancer.Name)
	}
	for _, row := range measures {
		lines = append(lines, r.line(scenario, row))
	}
	if scenario.Shows != "" {
		lines = append(lines, r.more(scenario, memberMeasures)...)
	}
	lines = append(lines, r.more(scenario, upgradeMeasures)...)
	sheet.Table(b, lines, len(lines[0]))
}

// more are rows but for what was measured nowhere.
func (r *Report) more(scenario Scenario, rows []measure) (lines [][]string) {
	for _, row := range rows {
		if line := r.line(scenario, row); !isEmpty(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (r *Report) line(scenario Scenario, row measure) []string {
	cells := []string{"  " + row.title}
	for _, balancer := range r.Balancers {
		cell := nothing
		if c := r.find(scenario, balancer); c != nil {
			cell = row.cell(c)
		}
		cells = append(cells, cell)
	}
	return cells
}

// nothing is a cell of what was not measured.
const nothing = "-"

func isEmpty(line []string) bool {
	return !slices.ContainsFunc(line[1:], func(cell string) bool { return cell != nothing })
}

// seconds is "0.5 / 1.2 / 3.0 s"; other stands for what was not seen.
func seconds(values [3]*float64, other string) string {
	return inSeconds("%.1f", values, other)
}

func inSeconds(format string, values [3]*float64, other string) string {
	if values == [3]*float64{} {
		return other
	}
	var parts []string
	for _, v := range values {
		if v == nil {
			parts = append(parts, other)
		} else {
			parts = append(parts, fmt.Sprintf(format, *v))
		}
	}
	return strings.Join(parts, " / ") + " s"
}

// byLibrary is "20 (pusher-js 5, pusher-js-8-1 15)".
func byLibrary(counts map[string]int) string {
	total, parts := 0, []string{}
	for _, library := range slices.Sorted(maps.Keys(counts)) {
		total += counts[library]
		parts = append(parts, fmt.Sprintf("%s %d", library, counts[library]))
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(parts, ", "))
}

// byCode is "1006 × 5, 4200 × 7".
func byCode(counts map[int]int) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × %d", code, counts[code]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
