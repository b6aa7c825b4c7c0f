package recent

import (
	"testing"
	"time"
)

func TestAValueIsKeptForAWhileAndThenForgotten(t *testing.T) {
	m := Map[string, int]{Every: time.Second, Most: 10}
	start := time.Now()
	m.Set("a", 1, start)
	for after, want := range map[time.Duration]int{0: 1, 999 * time.Millisecond: 1} {
		if got := m.Get("a", start.Add(after)); got != want {
			t.Errorf("after %s: got %d, want %d", after, got, want)
		}
	}
	m.Set("b", 2, start.Add(900*time.Millisecond))
	if got := m.Get("b", start.Add(1890*time.Millisecond)); got != 2 {
		t.Errorf("990 ms after it was set: got %d, want 2", got)
	}
	if a, b := m.Get("a", start.Add(4*time.Second)), m.Get("b", start.Add(4*time.Second)); a != 0 || b != 0 {
		t.Errorf("got %d and %d, want both forgotten", a, b)
	}
}

func TestAnyNumberOfKeysTakesBoundedMemory(t *testing.T) {
	m := Map[int, int]{Every: time.Hour, Most: 100}
	now := time.Now()
	for i := range 10_000 {
		m.Set(i, i, now)
		if n := len(m.now) + len(m.before); n > 200 {
			t.Fatalf("got %d keys, want at most 200", n)
		}
	}
	if got := m.Get(9_901, now); got != 9_901 {
		t.Errorf("got %d, want the last hundred to be known", got)
	}
}

func TestALineComesOncePerKeyAndMinute(t *testing.T) {
	var l Lines[string]
	at := time.Now()
	add := func(key string, after time.Duration, want int) {
		t.Helper()
		if got := l.Add(key, at.Add(after)); got != want {
			t.Errorf("%s after %s: got %d, want %d", key, after, got, want)
		}
	}
	add("a", 0, 1)
	add("a", time.Second, 0)
	add("b", time.Second, 1)
	add("a", 59*time.Second, 0)
	add("a", 60*time.Second, 3)
	add("a", 61*time.Second, 0)
	add("b", 10*time.Minute, 1)
}

func TestAFloodOfKeysGetsBoundedLines(t *testing.T) {
	var l Lines[int]
	at, lines := time.Now(), 0
	for i := range 100_000 {
		lines += l.Add(i, at)
	}
	if lines != mostLines || len(l.said.now)+len(l.said.before) > 2*mostLines+2 {
		t.Errorf("got %d lines and %d keys, want %d lines", lines, len(l.said.now)+len(l.said.before), mostLines)
	}
	if got := l.Add(-1, at.Add(time.Minute)); got != 1 {
		t.Errorf("a minute later: got %d, want a line again", got)
	}
}
