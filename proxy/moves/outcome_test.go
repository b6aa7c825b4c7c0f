package moves

import "testing"

func TestAnOutcomeIsToldInWords(t *testing.T) {
	told := func(moved int, closed map[string]int, want string) {
		t.Helper()
		if got := (Outcome{Moved: moved, Closed: closed}).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	told(0, nil, "")
	told(80, nil, "80 moved")
	told(0, map[string]int{NoSession: 8}, "8 closed: without a session")
	told(80, map[string]int{Timeout: 2, NoSession: 6}, "80 moved, 8 closed: 6 without a session, 2 timed out")
	told(0, map[string]int{Timeout: 1, NoNode: 1}, "2 closed: 1 taken by no other node, 1 timed out")
	told(1, map[string]int{"news": 1}, "1 moved, 1 closed: news")
}

func TestEveryReasonHasAText(t *testing.T) {
	for _, why := range []string{NoSession, Asked, Deadline, Off, NotTracked, NoNode, Refused, Publish, NoSharedBus, Timeout, Stopping, Failed} {
		if ReasonText(why) == why {
			t.Errorf("%s: got no text", why)
		}
	}
}
