package proxy

import (
	"testing"
	"time"
)

func TestTheLogTellsOfClientsTurnedAwayOnceASecond(t *testing.T) {
	var away occasional
	now := time.Now()
	f := func(after time.Duration, want int) {
		t.Helper()
		if got := away.add(now.Add(after), time.Second); got != want {
			t.Errorf("after %v: got %d to tell of, want %d", after, got, want)
		}
	}
	f(0, 1)
	f(10*time.Millisecond, 0)
	f(500*time.Millisecond, 0)
	f(time.Second, 3)
	f(5*time.Second, 1)
}
