package screen

import (
	"fmt"
	"strings"
	"time"

	"fermata/internal/admin"
)

// drainLine is how far a drain is; now is by Fermata's clock.
func drainLine(drain admin.Drain, now time.Time, width int) line {
	done := 1.0
	if drain.Initial > 0 {
		done = 1 - float64(drain.Remaining)/float64(drain.Initial)
	}
	text := fmt.Sprintf("%3.0f%%", 100*max(done, 0))
	parts := drainParts(drain, now)
	room := width - len("    ") - leastBar - len("  ")
	if room < 30 { // there is none for a bar
		return line{{"    " + strings.Join(parts, ", "), yellow}}
	}
	gap := "  "
	for _, part := range parts {
		if columns(text+gap+part) <= room {
			text += gap + part
		}
		gap = ", "
	}
	bar := bar(done, min(leastBar+room-columns(text), 20))
	return line{{"    " + bar + "  " + text, yellow}}
}

// drainParts has what matters most first, since it may be cut off.
func drainParts(drain admin.Drain, now time.Time) []string {
	parts := []string{fmt.Sprintf("%d of %d left", drain.Remaining, drain.Initial)}
	if left := drain.Left(now); left > 0 {
		parts = append(parts, "about "+left.String())
	}
	if grace := drain.Begin.Sub(now).Round(time.Second); grace > 0 {
		parts = append(parts, "begins in "+grace.String())
	}
	parts = append(parts, rateOf(drain.Rate))
	if drain.Force {
		parts = append(parts, "by force")
	}
	if drain.Close {
		parts = append(parts, "closes all")
	}
	return append(parts, "until "+drain.Deadline.Local().Format(time.TimeOnly))
}

func rateOf(rate int) string {
	if rate == 0 {
		return "all at once"
	}
	return fmt.Sprintf("%d/s", rate)
}
