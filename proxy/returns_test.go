package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// toldBySecond loses so many clients, evenly during a time, and counts by the
// second when each is told to come back.
func toldBySecond(r *returns, clients int, during time.Duration, perSecond float64) (seconds []int) {
	began := time.Now()
	seconds = make([]int, 40)
	for range clients {
		seconds[(time.Since(began)+r.place(perSecond, time.Now()))/time.Second]++
		time.Sleep(during / time.Duration(clients)) // of the bubble's clock
	}
	return seconds
}

func wantBetween(t *testing.T, seconds []int, least, most int) {
	t.Helper()
	for second, got := range seconds {
		if got < least || got > most {
			t.Errorf("second %d: got %d clients told to come back, want %d to %d", second, got, least, most)
		}
	}
}

func TestMoreClientsThanCanBeHeldAreToldEvenlyAndNotAllAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r returns
		wantBetween(t, toldBySecond(&r, 20_000, 0, 500)[:20], 950, 1050)
	})
}

func TestSomeMoreThanCanBeHeldMakeItALittleFasterThroughout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r returns
		wantBetween(t, toldBySecond(&r, 12_000, 0, 500)[:20], 570, 630)
	})
}

func TestClientsOfASecondLostNodeAreSpreadWithThoseOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r returns
		first, second := toldBySecond(&r, 10_000, 0, 500), toldBySecond(&r, 10_000, 0, 500)
		for i := range first[:20] {
			first[i] += second[i]
		}
		wantBetween(t, first[:20], 950, 1050)
	})
}

func TestClientsThatAreLostOneAfterTheOtherAreSpreadToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r returns
		seconds := toldBySecond(&r, 20_000, 5*time.Second, 500)
		wantBetween(t, seconds[:5], 400, 1100)
		wantBetween(t, seconds[5:20], 700, 1300)
	})
}

func TestFewClientsAreToldAtTheRate(t *testing.T) {
	f := func(perSecond float64, clients, wantSeconds int) {
		synctest.Test(t, func(t *testing.T) {
			var r returns
			seconds := toldBySecond(&r, clients, 0, perSecond)
			wantBetween(t, seconds[:wantSeconds], int(perSecond), int(perSecond))
			wantBetween(t, seconds[wantSeconds:], 0, 0)
		})
	}
	f(500, 2500, 5)
	f(7, 70, 10)
	f(1, 3, 3)
}

func TestAQueueThatIsOverHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r returns
		toldBySecond(&r, 20_000, 0, 500)
		for _, later := range []time.Duration{30 * time.Second, 48 * time.Hour} {
			time.Sleep(later)
			if got := r.place(500, time.Now()); got != 0 {
				t.Errorf("%v later: got a client held for %v, want not at all", later, got)
			}
		}
	})
}

func TestClientsOfOneMomentComeBackOneAfterTheOther(t *testing.T) {
	var r returns
	now := time.Now()
	for i := range 100 {
		if got, want := r.place(500, now), time.Duration(i)*2*time.Millisecond; got != want {
			t.Fatalf("client %d: got held for %v, want %v", i, got, want)
		}
	}
}
