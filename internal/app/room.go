package app

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"fermata/balancer"
)

// crowdedAbove is how many clients a node without ext-uv should not be given.
const crowdedAbove = 1000

// crowded names the nodes that would get more clients than Reverb survives
// without ext-uv; empty: none would.
func crowded(loads []balancer.Load) string {
	var full []string
	for _, l := range loads {
		if l.After > crowdedAbove && l.After > l.Connections {
			full = append(full, fmt.Sprintf("%s would come to %d clients", l.Node, l.After))
		}
	}
	if len(full) == 0 {
		return ""
	}
	return strings.Join(full, ", ") + ": without ext-uv Reverb ends at about 1,017 connections, set max_connections: 950 there or install it"
}

// both joins two warnings, of which either may be none.
func both(one, other string) string {
	if one == "" || other == "" {
		return one + other
	}
	return one + "; " + other
}

// short says that the nodes' caps together hold fewer clients than there are;
// empty: they hold them. A node that is to go holds none.
func short(nodes []balancer.Status) string {
	room, clients := 0, 0
	for _, n := range nodes {
		clients += n.Connections
		if n.Removed {
			continue
		}
		if n.MaxConnections == 0 {
			return ""
		}
		room += n.MaxConnections
	}
	if clients <= room {
		return ""
	}
	return fmt.Sprintf("the nodes' max_connections allow %d clients together, and there are %d", room, clients)
}

// noteRoom warns of clients that could not come again.
func (a *App) noteRoom() {
	if warning := short(a.pool.Nodes()); warning != "" {
		a.log.Warn("doubtful configuration", zap.String("reason", warning))
	}
}
