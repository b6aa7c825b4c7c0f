package apptest

import (
	"net/http"
	"strings"
)

// Metrics is what a scrape brings.
func (s *Stack) Metrics() string {
	s.T.Helper()
	status, body := s.AdminGet("/metrics")
	if status != http.StatusOK {
		s.T.Fatalf("scrape: got %d", status)
	}
	return body
}

// HasMetric is whether a scrape brings this line.
func (s *Stack) HasMetric(line string) {
	s.T.Helper()
	if all := s.Metrics(); !hasLine(all, line) {
		name, _, _ := strings.Cut(line, "{")
		s.T.Errorf("want the metric %s, got\n%s", line, Grep(all, name))
	}
}

// WaitMetric waits until a scrape brings this line.
func (s *Stack) WaitMetric(line string) {
	s.T.Helper()
	if !s.soon(func() bool { return hasLine(s.Metrics(), line) }) {
		s.HasMetric(line)
	}
}

func hasLine(text, line string) bool { return strings.Contains(text, "\n"+line+"\n") }

// Grep is the lines of a text that have this word.
func Grep(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}
