package health

import (
	"testing"
	"time"
)

// A node whose clients get no answer is checked for any answer at all only where
// its own check waits for none: a 500 is a sign of life, and no 200.
func TestASuspectedNodeIsAskedWhatItsCheckAsks(t *testing.T) {
	const broken = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
	f := func(kind string, want bool) {
		t.Helper()
		o := Default()
		o.Type, o.Timeout = kind, limit
		_, err := answeringProbe(at(answer(t, broken)), o)(t.Context())
		if passed := err == nil; passed != want {
			t.Errorf("%s: got %v, want that it passes: %v", kind, err, want)
		}
	}
	f(TypeTCP, true)
	f(TypeHTTP, false)
	f(TypeReverb, false) // without an app key it is the http one
}

func TestDurationsAreShownWithAsManyDigitsAsPeopleRead(t *testing.T) {
	for d, want := range map[time.Duration]string{
		123_456 * time.Nanosecond:    "123µs",
		999_499 * time.Nanosecond:    "999µs",
		time.Millisecond:             "1ms",
		1_234_567 * time.Nanosecond:  "1ms",
		2_345_678 * time.Microsecond: "2.346s",
	} {
		if got := short(d).String(); got != want {
			t.Errorf("%d ns: got %s, want %s", d, got, want)
		}
	}
}
