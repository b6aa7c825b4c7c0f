package screen

import (
	"slices"
	"strings"
	"time"

	"fermata/internal/admin"
)

var eventStyles = map[string]style{
	"node_up": green, "undrain": green, "panic_over": green, "delivery": green, "redis_back": green,
	"node_down": red, "panic": red, "no_delivery": red, "redis_away": red,
	"node_gone": yellow, "drain": yellow, "drained": yellow, "stopping": yellow,
}

// eventLines are the latest events, the newest first.
func (m *model) eventLines(width int) []line {
	lines := []line{nil, {{"EVENTS", bold}}}
	for _, event := range slices.Backward(m.events) {
		lines = append(lines, eventLine(event))
	}
	if len(m.events) == 0 {
		lines = append(lines, line{{"none since Fermata has started", dim}})
	}
	return lines
}

func eventLine(event admin.Event) line {
	message := event.Message
	if event.Node != "" {
		message = event.Node + ": " + message
	}
	return line{
		{event.Time.Local().Format(time.TimeOnly) + "  ", plain},
		{left(strings.ReplaceAll(event.Type, "_", " "), len("certificate")) + "  ", eventStyles[event.Type]},
		{message, plain},
	}
}
