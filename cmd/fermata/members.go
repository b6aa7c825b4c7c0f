package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// clusterText has a line for each member of the cluster, and whether Redis is
// away. It is empty without a cluster.
func clusterText(out io.Writer, c *admin.Cluster, local bool) string {
	switch {
	case c == nil:
		return ""
	case local:
		return fmt.Sprintf("\nThis is %s alone, of the cluster %s.\n", console.Printable(c.Member), console.Printable(c.Name)) + awayText(c)
	}
	return "\n" + table(memberRows(c), console.Painter(out)) + awayText(c)
}

func memberRows(c *admin.Cluster) [][]cell {
	rows := [][]cell{{{"MEMBER", bold}, {"CLIENTS", bold}, {"STATE", bold}, {"VERSION", bold}}}
	for _, m := range c.Members {
		name := console.Printable(m.Name)
		if m.Self {
			name += " (this one)"
		}
		state, style := memberState(m)
		rows = append(rows, []cell{{text: name}, {text: strconv.Itoa(m.Clients)}, {state, style}, {text: console.Printable(m.Version)}})
	}
	return rows
}

func memberState(m admin.Member) (state, style string) {
	switch {
	case m.Stopping:
		return "stopping", yellow
	case !m.Ready:
		return "not ready", red
	}
	return "ready", ""
}

// awayText says what cannot be known while Redis is away.
func awayText(c *admin.Cluster) string {
	if c.Away == "" {
		return ""
	}
	return fmt.Sprintf("\nRedis cannot be reached since %s: %s\n"+
		"What the other members have is as it was then. Drains go on; new ones need --local.\n",
		c.Since.Local().Format(time.TimeOnly), console.Printable(c.Away))
}
