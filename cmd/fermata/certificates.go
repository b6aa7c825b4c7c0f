package main

import (
	"fmt"
	"io"
	"time"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// certificatesText has a line for each domain whose certificate a CA issues. It is
// empty where there are none.
func certificatesText(out io.Writer, all []admin.Certificate) string {
	if len(all) == 0 {
		return ""
	}
	rows := [][]cell{{{"CERTIFICATE", bold}, {"UNTIL", bold}, {"REASON", bold}}}
	for _, c := range all {
		until, style := "none yet", red
		if !c.NotAfter.IsZero() {
			until, style = c.NotAfter.Local().Format(time.DateTime), ""
		}
		if c.Reason != "" && style == "" {
			style = yellow
		}
		rows = append(rows, []cell{{text: console.Printable(c.Domain)}, {until, style}, {text: certificateReason(c)}})
	}
	return "\n" + table(rows, console.Painter(out))
}

// certificateReason is why there is none, or no new one.
func certificateReason(c admin.Certificate) string {
	if c.Reason == "" {
		return "-"
	}
	return fmt.Sprintf("%s (tried %d times, next at %s)", console.Printable(c.Reason), c.Failures, c.Next.Local().Format(time.TimeOnly))
}
