//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
)

// ordinary is what clients do where nothing else is said.
var ordinary = load{every: 10, channel: 10}

// table is one of Markdown.
func table(lines ...[]string) string {
	var b strings.Builder
	for i, cells := range lines {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
		}
	}
	return b.String()
}

// needs is how much there has to be.
func needs(loads []load) string {
	lines := [][]string{{"clients", "Reverb nodes", "cells", "nodes of each", "members of each", "nodes in all", "members in all"}}
	for _, l := range loads {
		for _, k := range kinds {
			n, c := cells(l, k)
			lines = append(lines, []string{count(l.clients), k.name, count(n), count(c.nodes), count(c.members), count(n * c.nodes), count(n * c.members)})
		}
	}
	return table(lines...)
}

// together is what is used if all are in one cell.
func together(loads []load) string {
	head := []string{"all clients in one cell"}
	for _, l := range loads {
		for _, k := range kinds {
			short, _, _ := strings.Cut(k.name, ",")
			head = append(head, count(l.clients)+", "+short)
		}
	}
	lines := [][]string{head}
	for i := range cellFor(loads[0], kinds[0]).uses(kinds[0]) {
		line := []string{""}
		for _, l := range loads {
			for _, k := range kinds {
				u := cellFor(l, k).uses(k)[i]
				line[0] = u.what
				line = append(line, percent(u.used))
			}
		}
		lines = append(lines, line)
	}
	return table(lines...)
}

// costs are the figures that the model has, and how each is known.
func costs() string {
	const reverb, bench = "measured: Reverb 1.10.2, PHP alone", "measured: `make bench`, TLS"
	return table(
		[]string{"of a core", "", "how it is known"},
		[]string{"node: a client that comes and subscribes; a check", duration(nodeHandshake), reverb},
		[]string{"node: an event that is published through it", duration(nodePublish), reverb},
		[]string{"node: an event from another node", duration(nodeHears) + "; with 900 clients " + duration(nodeHears+900*selectLoop), reverb},
		[]string{"the same with ext-uv, however many clients", duration(nodeHears), "assumed"},
		[]string{"node: a message to a client", duration(nodeDelivers), reverb},
		[]string{"Redis: an event to one node", duration(redisAlone) + " alone; " + duration(redisDelivery) + " among many", "measured: Redis 7.0, 10 to 1,000 subscribers, 1 and 64 publishers"},
		[]string{"member: a new client", duration(newClient), bench},
		[]string{"member: a ping and its pong, every 30 s", duration(roundTrip), bench},
		[]string{"member: a message to a client", duration(clientGets), bench},
		[]string{"member: a request that publishes", duration(plainRequest), "measured: 400 B, signed, a connection each, on a busy machine"},
		[]string{"member: a beat, with M members and N nodes", duration(beatSelf) + " + M × N × " + duration(beatReport), "measured: see above"},
	)
}

// traffic is what clusters exchange with Redis.
func traffic() string {
	lines := [][]string{{"members", "nodes", "a member's report", "the state", "a member writes", "a member reads", "Redis sends", "of a member's time"}}
	for _, s := range [][2]int{{2, 14}, {3, 100}, {4, 265}, {10, 100}, {50, 100}, {11, 1054}} {
		c := cell{members: s[0], nodes: s[1]}
		lines = append(lines, []string{
			count(c.members), count(c.nodes), bytes(c.report()), bytes(c.state()),
			bytes(2*c.report()) + "/s", bytes(2*c.read()) + "/s", bytes(2*c.read()*float64(c.members)) + "/s",
			percent(2 * c.beat()),
		})
	}
	return table(lines...)
}

// clusters is what was measured of them.
func clusters(f findings) string {
	lines := [][]string{{"members", "nodes", "beats a second", "read in each", "core time of each", "all know a decision after", "in a storm", "writes in conflict"}}
	for _, found := range f.Clusters {
		members, beat, storm, conflicts := count(found.Members), duration(found.Member), "", ""
		if found.Whole < found.Members {
			members, beat = fmt.Sprintf("%s, %d of them whole", members, found.Whole), ""
		}
		if found.Whole == found.Members && found.Swaps > 0 {
			storm, conflicts = found.Storm.String(), percent(float64(found.Conflicts)/float64(found.Swaps))
		}
		lines = append(lines, []string{members, count(found.Nodes), fmt.Sprintf("%.1f", found.Beats), bytes(found.Out), beat, found.Quiet.String(), storm, conflicts})
	}
	return table(lines...)
}

func (s spread) String() string { return fmt.Sprintf("%.2f s (%.2f)", s.Median, s.Most) }

// count is 1,234 for 1234.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// percent has one or two figures.
func percent(part float64) string {
	switch p := 100 * part; {
	case p < 0.1:
		return "< 0.1 %"
	case p < 1:
		return fmt.Sprintf("%.1f %%", p)
	case p < 100:
		return fmt.Sprintf("%.0f %%", p)
	default:
		step := math.Pow10(int(math.Log10(p)) - 1)
		return count(int(math.Round(p/step)*step)) + " %"
	}
}

// duration is of seconds.
func duration(seconds float64) string {
	switch {
	case seconds >= 99.5:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds >= 0.0995:
		return fmt.Sprintf("%.2g s", seconds)
	case seconds >= 0.995e-3:
		return fmt.Sprintf("%.2g ms", seconds*1e3)
	case seconds >= 99.5e-6:
		return fmt.Sprintf("%.0f µs", seconds*1e6)
	}
	return fmt.Sprintf("%.2g µs", seconds*1e6)
}

func bytes(n float64) string {
	switch {
	case n >= 99.5e6:
		return fmt.Sprintf("%.0f MB", n/1e6)
	case n >= 1e6:
		return fmt.Sprintf("%.2g MB", n/1e6)
	case n >= 99.5e3:
		return fmt.Sprintf("%.0f kB", n/1e3)
	}
	return fmt.Sprintf("%.2g kB", n/1e3)
}
