package screen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fermata/internal/admin"
)

// head is the title and the figures, or that these are old. A low terminal has
// fewer of them.
func (m *model) head(width, height int) []line {
	clock := ""
	if !m.look.Time.IsZero() {
		clock = m.look.Time.Local().Format(time.TimeOnly)
	}
	title := left("Fermata at "+m.address, width-len(clock)-2) + "  "
	lines := []line{{{title, bold}, {clock, plain}}}
	if m.lost != "" {
		lines = append(lines, line{{"No word from Fermata since then, trying again: " + m.lost, red}})
	}
	if away := m.away(); away != nil {
		lines = append(lines, away)
	}
	if height >= 8 {
		lines = append(lines, first(flow(m.figures(), "   ", width), 2)...)
	}
	if height >= 14 {
		lines = append(lines, first(flow(m.members(), "   ", width), 2)...)
	}
	if height >= 14 {
		lines = append(lines, first(m.predecessors(), 2)...)
	}
	if height >= 12 {
		lines = append(lines, nil)
	}
	return lines
}

func (m *model) figures() []line {
	parts := []line{m.usable(), {{m.clients(), plain}}}
	if m.sample == nil {
		return parts
	}
	return append(parts, line{{short(m.sample.Opened) + " new/s, " + short(sum(m.sample.Closed)) + " closed/s", plain}})
}

func (m *model) usable() line {
	usable, look := 0, plain
	for _, node := range m.look.Nodes {
		switch {
		case node.Health == admin.HealthDown:
			look = red
		case node.State == admin.StateReady:
			usable++
		}
	}
	if look == plain && usable < len(m.look.Nodes) {
		look = yellow
	}
	return line{{fmt.Sprintf("%d of %d nodes usable", usable, len(m.look.Nodes)), look}}
}

// clients is how many there are, and of how many where each node has a cap.
func (m *model) clients() string {
	clients, room, capped := 0, 0, true
	for _, node := range m.look.Nodes {
		clients += node.Connections
		room += node.MaxConnections
		capped = capped && node.MaxConnections > 0
	}
	if !capped || room == 0 {
		return plural(clients, "client")
	}
	return fmt.Sprintf("%d of %s", clients, plural(room, "client"))
}

// foot has the keys that do something now, or what has become of the last one.
func (m *model) foot(width int) line {
	keys := []string{"d drain", "u undrain", "? help", "q quit", "j/k select"}
	switch {
	case m.help:
		keys = []string{"any key goes back"}
	case m.question != nil:
		keys = m.question.keys()
	case m.notice.bad:
		return line{{m.notice.text, red}}
	case m.notice.text != "":
		return line{{m.notice.text, bold}}
	}
	var parts []line
	for _, text := range keys {
		name, does, _ := strings.Cut(text, " ")
		parts = append(parts, line{{name, bold}, {" " + does, plain}})
	}
	return flow(parts, "   ", width)[0]
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// short has about three digits: 0.25, 7.5, 312.
func short(x float64) string {
	digits := 2
	switch {
	case x >= 100:
		digits = 0
	case x >= 10:
		digits = 1
	}
	text := strconv.FormatFloat(x, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func sum(rates map[string]float64) float64 {
	all := 0.0
	for _, rate := range rates {
		all += rate
	}
	return all
}
