package health

import (
	"testing"
	"time"
)

func TestANodeIsCheckedEveryTwoSecondsWhenNothingIsSaid(t *testing.T) {
	got := Default()
	if got.Interval != 2*time.Second || got.Timeout != time.Second {
		t.Errorf("got a check every %v that may take %v, want 2s and 1s", got.Interval, got.Timeout)
	}
	if got := got.Reverb.Delivery; got.Interval != 10*time.Second || got.Timeout != 2*time.Second {
		t.Errorf("got %+v, want an event every 10s that may take 2s", got)
	}
}
