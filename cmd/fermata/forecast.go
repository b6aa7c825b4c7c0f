package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// forecastTable shows a forecast to a person who reads out.
func forecastTable(out io.Writer, loads []admin.Load) string {
	rows := [][]cell{{{"NODE", bold}, {"CONNECTIONS", bold}, {"AFTER", bold}, {"MAX", bold}}}
	for _, l := range loads {
		rows = append(rows, []cell{
			{text: console.Printable(l.Node)}, {text: strconv.Itoa(l.Connections)}, {strconv.Itoa(l.After), afterStyle(l)}, {text: maxOf(l)},
		})
	}
	return table(rows, console.Painter(out))
}

func maxOf(l admin.Load) string {
	if l.MaxConnections == 0 {
		return "none"
	}
	return strconv.Itoa(l.MaxConnections)
}

func afterStyle(l admin.Load) string {
	if l.MaxConnections > 0 && l.After > l.MaxConnections {
		return red
	}
	return ""
}

// forecastText is a forecast in one line, for example "reverb-2 20→50".
func forecastText(loads []admin.Load) string {
	var parts []string
	for _, l := range loads {
		parts = append(parts, fmt.Sprintf("%s %d→%d", console.Printable(l.Node), l.Connections, l.After))
	}
	return strings.Join(parts, ", ")
}
