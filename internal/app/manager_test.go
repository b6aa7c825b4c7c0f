package app

import (
	"testing"
	"time"
)

func TestAFermataThatCannotDecideIsStuck(t *testing.T) {
	f := startFront(t, "nodes: [{name: a, url: 'http://127.0.0.1:9'}]\n", func(*App) {})
	within := 50 * time.Millisecond
	f.tellWorks(t.Context(), time.Minute)
	if f.logged("stuck") != 0 {
		t.Error("got it stuck, want it to work")
	}
	f.mu.Lock()
	f.tellWorks(t.Context(), within)
	f.mu.Unlock()
	f.untilLogged("this process is stuck")
	f.untilLogged("no answer within 50ms")
}

func TestNumbersArePutInThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 12034: "12,034", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
