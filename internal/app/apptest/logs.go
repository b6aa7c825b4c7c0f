package apptest

import (
	"bufio"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"
)

// Logs takes the log and lets a test wait for a line.
type Logs struct {
	mu    sync.Mutex
	lines []map[string]any
	part  []byte
	grown chan struct{} // closed at the next line
}

func newLogs() *Logs { return &Logs{grown: make(chan struct{})} }

func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	for {
		advance, line, _ := bufio.ScanLines(l.part, false)
		if advance == 0 {
			return len(p), nil
		}
		var entry map[string]any
		if json.Unmarshal(line, &entry) != nil {
			entry = map[string]any{"msg": string(line)}
		}
		l.lines = append(l.lines, entry)
		l.part = l.part[advance:]
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// Wait returns the first line, not returned before, with that message.
func (l *Logs) Wait(t *testing.T, message string) map[string]any {
	t.Helper()
	return l.WaitFor(t, message, hasMessage(message))
}

func hasMessage(message string) func(map[string]any) bool {
	return func(line map[string]any) bool { return line["msg"] == message }
}

// WaitFor returns the first line, not returned before, that fits.
func (l *Logs) WaitFor(t *testing.T, what string, fits func(map[string]any) bool) map[string]any {
	t.Helper()
	return l.waitUntil(t, what, fits, nil)
}

// waitUntil also ends the test when ended is closed before.
func (l *Logs) waitUntil(t *testing.T, what string, fits func(map[string]any) bool, ended <-chan struct{}) map[string]any {
	t.Helper()
	timeout := time.After(Timeout)
	for {
		l.mu.Lock()
		grown := l.grown
		for i, line := range l.lines {
			if line != nil && fits(line) {
				l.lines[i] = nil
				l.mu.Unlock()
				return line
			}
		}
		l.mu.Unlock()
		select {
		case <-grown:
		case <-ended:
			t.Fatalf("no log line %q before the end; got %v", what, l.lines)
		case <-timeout:
			t.Fatalf("no log line %q in %s; got %v", what, Timeout, l.lines)
		}
	}
}

// Has tells whether there has been a line with that message, which Wait has not
// returned.
func (l *Logs) Has(message string) bool { return l.HasAny(hasMessage(message)) }

// All are the lines with that message.
func (l *Logs) All(message string) (found []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}

// HasAny is Has for a line that fits.
func (l *Logs) HasAny(fits func(map[string]any) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line map[string]any) bool { return line != nil && fits(line) })
}
