// Package sheet is what the reports of the laboratory have in common: when and
// where something was measured, tables, JSON, and the frame of a chart.
package sheet

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Head says when and where something was measured.
type Head struct {
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took"` // in nanoseconds
	Machine string        `json:"machine"`
	Remarks []string      `json:"remarks"` // what did not go as it should
}

// Begin is the head of what begins now, on this machine.
func Begin() Head { return Head{Began: time.Now(), Machine: machine()} }

// End notes how long it took.
func (h *Head) End() { h.Took = time.Since(h.Began) }

// Remark adds a remark, once.
func (h *Head) Remark(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(h.Remarks, text) {
		h.Remarks = append(h.Remarks, text)
	}
}

// TellRemarks writes a line for each remark.
func (h *Head) TellRemarks(b *strings.Builder) {
	for _, remark := range h.Remarks {
		fmt.Fprintf(b, "! %s\n", remark)
	}
}

// machine says where this was measured.
func machine() string {
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	kernel, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	return fmt.Sprintf("%d cores of %s, Linux %s", runtime.NumCPU(), model, kernel)
}

// JSON writes a report as people can read it.
func JSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
