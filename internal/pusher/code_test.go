package pusher

import "testing"

// What pusher-js does on each is in protocol.ts of pusher-js.
func TestOnlyCodesOnWhichClientsComeBackMayBeSent(t *testing.T) {
	for _, code := range []int{1000, 1001, 1012, 1013, 4100, 4199, 4200, 4299} {
		if err := CheckCloseCode(code); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
	for _, code := range []int{-1, 0, 999, 1002, 1005, 1006, 1011, 1014, 3000, 4000, 4001, 4099, 4300, 4999, 5000} {
		if CheckCloseCode(code) == nil {
			t.Errorf("%d: got no error", code)
		}
	}
}

func TestWhoComesBackAtOnce(t *testing.T) {
	for code, want := range map[int]bool{1000: false, 4100: false, 4199: false, 4200: true, 4299: true, 4300: false} {
		if got := ComesAtOnce(code); got != want {
			t.Errorf("%d: got %v, want %v", code, got, want)
		}
	}
}
