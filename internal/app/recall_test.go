package app

import (
	"encoding/json"
	"testing"
	"time"

	"fermata/balancer"
)

func TestADrainOfAClockThatWasAheadIsRecalled(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := func(ahead time.Duration, want bool) {
		t.Helper()
		refused := ""
		text, _ := json.Marshal(now.Add(ahead))
		d := recallDrain(map[string]json.RawMessage{"Started": text}, balancer.Drain{Started: now}, now, func(field, reason string) { refused = reason })
		if recalled := d.Started.Equal(now.Add(ahead)); recalled != want || (refused == "") != want {
			t.Errorf("%v ahead: got %v, refused %q, want it recalled: %v", ahead, d.Started, refused, want)
		}
	}
	f(-time.Hour, true)
	f(23*time.Hour, true)
	f(25*time.Hour, false)
}

func TestADrainThatWaitsForItsNodeIsToldAtTheStart(t *testing.T) {
	t.Parallel()
	a, logs := watched(t)
	a.restore(remembered{drains: map[string]balancer.Drain{"a": {}, "pod-1": {}}})
	if got := linesOf(logs, "drain kept until its node is found", "node"); got != "pod-1" {
		t.Errorf("got a line of %q, want it of pod-1 alone, which is not there", got)
	}
}
