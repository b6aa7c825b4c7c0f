package app

import "testing"

func TestHandshakesLeaveACoreToClientsThatAreConnected(t *testing.T) {
	f := func(cores, want int) {
		t.Helper()
		if got := handshakePlaces(cores); got != want {
			t.Errorf("%d cores: got %d places, want %d", cores, got, want)
		}
	}
	f(1, 1)
	f(2, 1)
	f(3, 2)
	f(16, 15)
}
