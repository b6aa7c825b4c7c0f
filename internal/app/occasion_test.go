package app

import (
	"testing"
	"time"

	"fermata/internal/config"
)

func TestARebalanceNeedsAnOccasionAndAQuietTime(t *testing.T) {
	var o occasion
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	want := func(s int, want bool) {
		t.Helper()
		if got := o.ripe(time.Minute, at(s)); got != want {
			t.Errorf("after %ds: got %v, want %v", s, got, want)
		}
	}
	want(1000, false) // nothing has ever happened
	o.note("node_up", at(0))
	want(59, false)
	want(60, true)
	o.note("node_down", at(100))
	want(120, false)
	want(160, true)
	o.use()
	want(1000, false)
	o.note("node_down", at(1100)) // which is no occasion: its clients have moved already
	o.note("drain", at(1100))
	want(2000, false)
	for i, kind := range []string{"start", "node_up", "undrain", "reload"} {
		o.note(kind, at(3000+1000*i))
		want(3100+1000*i, true)
		o.use()
	}
}

func TestARebalanceThatNobodyAskedForCanBeSwitchedOff(t *testing.T) {
	a := &App{config: config.Default()} // without a handler: it would be missed
	a.config.Rebalance.Auto = false
	a.occasion.note("start", time.Unix(1000, 0))
	later := time.Unix(9000, 0)
	a.rebalanceIfWorth(later)
	if !a.occasion.ripe(time.Minute, later) {
		t.Error("got the occasion used, want it kept for when it is switched on")
	}
}
