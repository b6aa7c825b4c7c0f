package screen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fermata/internal/admin"
)

// grid is how wide the columns of the nodes are. Those without room are 0.
type grid struct {
	gap, name, clients, bar, reason int
}

const (
	healthWidth = len("HEALTH")
	stateWidth  = len(admin.StateDraining)
	leastBar    = 10 // columns
	leastReason = 14
)

func gridFor(nodes []admin.Node, width int) grid {
	g := grid{gap: 2, name: len("NODE"), clients: len("CLIENTS")}
	if width < 60 {
		g.gap = 1
	}
	for _, node := range nodes {
		g.name = max(g.name, columns(clean(node.Name)))
		g.clients = max(g.clients, len(clientsOf(node)))
	}
	others := len("> ") + g.gap + healthWidth + g.gap + stateWidth + g.gap + g.clients
	g.name = min(g.name, max(width-others, 4), max(width/4, 10))
	room := width - others - g.name
	if room < g.gap+leastBar {
		return g
	}
	g.bar = min(room-g.gap, 24)
	if room >= 2*g.gap+leastBar+leastReason {
		g.bar = min(max(leastBar, room/3), 24)
		g.reason = room - 2*g.gap - g.bar
	}
	return g
}

// nodeLines are the nodes, or as many around the selected one as there is room
// for.
func (m *model) nodeLines(width, room int) []line {
	if room <= 0 {
		return nil
	}
	g := gridFor(m.look.Nodes, width)
	most := 1
	for _, node := range m.look.Nodes {
		most = max(most, node.Connections)
	}
	var blocks [][]line
	for _, node := range m.look.Nodes {
		blocks = append(blocks, m.block(node, g, most, width))
	}
	if room < 2 {
		return first(around(blocks, m.place(), room), room)
	}
	return first(append([]line{g.header()}, around(blocks, m.place(), room-1)...), room)
}

// around is all of the blocks, or those around one of them, with a line that
// says how many others there are.
func around(blocks [][]line, place, room int) []line {
	all := slices.Concat(blocks...)
	if len(all) <= room {
		return all
	}
	room = max(room-1, 1)
	from, to := window(blocks, max(place, 0), room)
	more := fmt.Sprintf("  … %d above, %d below", from, len(blocks)-to)
	return append(first(slices.Concat(blocks[from:to]...), room), line{{more, dim}})
}

// window grows from the block at place in both directions, as long as there is
// room.
func window(blocks [][]line, place, room int) (from, to int) {
	from, to = place, place+1
	room -= len(blocks[place])
	for grown := true; grown; {
		grown = false
		if to < len(blocks) && len(blocks[to]) <= room {
			room, to, grown = room-len(blocks[to]), to+1, true
		}
		if from > 0 && len(blocks[from-1]) <= room {
			room, from, grown = room-len(blocks[from-1]), from-1, true
		}
	}
	return from, to
}

func (g grid) header() line {
	text := "  " + g.cells(left("NODE", g.name), left("HEALTH", healthWidth), left("STATE", stateWidth), right("CLIENTS", g.clients))
	if g.bar > 0 {
		text += g.space() + left("", g.bar)
	}
	if g.reason > 0 {
		text += g.space() + "REASON"
	}
	return line{{text, bold}}
}

func (g grid) space() string { return strings.Repeat(" ", g.gap) }

func (g grid) cells(texts ...string) string { return strings.Join(texts, g.space()) }

// block is a node, with its drain below it. most is how many clients the
// fullest node has.
func (m *model) block(node admin.Node, g grid, most, width int) []line {
	chosen := node.Name == m.selected
	lines := []line{g.row(node, most, chosen)}
	if node.State == admin.StateDraining && node.Drain != nil {
		lines = append(lines, drainLine(*node.Drain, m.look.Time, width))
	}
	if outcome := node.Outcome().Text; outcome != "" {
		lines = append(lines, line{{"    " + outcome, dim}})
	}
	if g.reason == 0 && (chosen || !node.UpEverywhere()) {
		lines = append(lines, line{{"    " + reasonOf(node), dim}})
	}
	return lines
}

func (g grid) row(node admin.Node, most int, chosen bool) line {
	mark, look := "  ", plain
	if chosen {
		mark, look = "> ", selected
	}
	row := line{
		{mark, bold}, {left(node.Name, g.name), look}, {g.space(), plain},
		{left(node.HealthText(), healthWidth), healthStyle(node)}, {g.space(), plain},
		{left(node.State, stateWidth), stateStyle(node)}, {g.space(), plain},
		{right(clientsOf(node), g.clients), plain},
	}
	if g.bar > 0 {
		row = append(row, span{text: g.space()}, loadBar(node, most, g.bar))
	}
	if g.reason > 0 {
		row = append(row, span{text: g.space()}, span{text: reasonOf(node)})
	}
	return row
}

// loadBar has the clients against the cap or, without one, against the node
// that has most.
func loadBar(node admin.Node, most, width int) span {
	if node.MaxConnections == 0 {
		return span{bar(float64(node.Connections)/float64(most), width), plain}
	}
	share := float64(node.Connections) / float64(node.MaxConnections)
	return span{bar(share, width), fullness(share)}
}

func fullness(share float64) style {
	switch {
	case share >= 1:
		return red
	case share >= 0.9:
		return yellow
	}
	return plain
}

// bar shows a share of one, for example [####----].
func bar(share float64, width int) string {
	width = max(width-2, 0)
	filled := int(min(max(share, 0), 1)*float64(width) + 0.5)
	return "[" + strings.Repeat("#", filled) + strings.Repeat("-", width-filled) + "]"
}

func clientsOf(node admin.Node) string {
	if node.MaxConnections == 0 {
		return strconv.Itoa(node.Connections)
	}
	return fmt.Sprintf("%d/%d", node.Connections, node.MaxConnections)
}

// reasonOf says why the node is up or down, and what else there is to it.
func reasonOf(node admin.Node) string {
	if node.Avoided {
		return "to be drained in a roll; " + node.ReasonText()
	}
	return node.ReasonText()
}

func healthStyle(node admin.Node) style {
	switch {
	case node.Health != admin.HealthUp:
		return red
	case node.Delivery == admin.HealthDown || !node.UpEverywhere():
		return yellow
	}
	return green
}

func stateStyle(node admin.Node) style {
	if node.State == admin.StateReady {
		return plain
	}
	return yellow
}
