package balancer

import "testing"

func TestACapIsANumberOrNone(t *testing.T) {
	reads := func(text string, want Cap) {
		t.Helper()
		var c Cap
		if err := c.UnmarshalText([]byte(text)); err != nil || c != want {
			t.Errorf("%s: got %d and %v, want %d", text, c, err, want)
		}
		if written, err := c.MarshalText(); err != nil || string(written) != text {
			t.Errorf("%s: got %q and %v when written", text, written, err)
		}
	}
	reads("none", 0)
	reads("1", 1)
	reads("950", 950)
	reads("100000000", maxCap)
}

func TestACapOfNothingSaysWhatToWrite(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var c Cap
		if err := c.UnmarshalText([]byte(text)); err == nil || err.Error() != want || c != 0 {
			t.Errorf("%s: got %d and %v, want %q", text, c, err, want)
		}
	}
	f("0", "got 0, want none or a number such as 950")
	f("-1", "got -1, want none or a number such as 950")
	f("many", `got "many", want none or a number such as 950`)
	f("100000001", "got 100000001, want none or at most 100000000")
}
