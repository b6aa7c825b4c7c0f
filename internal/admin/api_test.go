package admin_test

import (
	"testing"
	"time"

	"fermata/internal/admin"
)

func TestTheTimeLeftIsThatOfTheRateButEndsAtTheDeadline(t *testing.T) {
	now := time.Unix(0, 0)
	check := func(remaining, rate int, deadline, want time.Duration, grace ...time.Duration) {
		t.Helper()
		drain := admin.Drain{Remaining: remaining, Rate: rate, Deadline: now.Add(deadline)}
		for _, d := range grace {
			drain.Begin = now.Add(d)
		}
		if got := drain.Left(now); got != want {
			t.Errorf("%d clients at %d/s: got %s, want %s", remaining, rate, got, want)
		}
	}
	check(500, 100, time.Minute, 5*time.Second)
	check(500, 1, time.Minute, time.Minute)
	check(500, 0, time.Minute, time.Minute)
	check(500, 1, -time.Minute, 0)
	check(500, 100, time.Minute, 35*time.Second, 30*time.Second)
	check(500, 100, time.Minute, 5*time.Second, -30*time.Second)
	check(500, 100, 20*time.Second, 20*time.Second, 30*time.Second)
}
