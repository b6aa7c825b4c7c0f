package metrics

import "testing"

func TestARangeOfPortsIsCounted(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if got := portsIn(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
	f("32768\t60999\n", 28232)
	f("1024 1024", 1)
	f("", 0)
	f("60999 32768", 0)
	f("many few", 0)
}
