package moves

import (
	"testing"
	"time"
)

func TestADrainHasTenMinutesWhenNothingIsSaid(t *testing.T) {
	if got := DefaultDrain(); got.Deadline != 10*time.Minute || got.Grace != 0 || got.MinUsable != 1 {
		t.Errorf("got %+v, want ten minutes, no grace, and that one node is left", got)
	}
}

func TestARebalanceWaitsForAMinuteOfRestWhenNothingIsSaid(t *testing.T) {
	if got := DefaultRebalance(); !got.Auto || got.After != time.Minute {
		t.Errorf("got %+v, want it by itself after a minute", got)
	}
}
