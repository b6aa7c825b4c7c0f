package proxy

import (
	"math"
	"time"
)

// longestHold is how long a client is held open without a node at the most:
// pusher-js asks for a life sign after thirty seconds.
const longestHold = 20 * time.Second

// A slot is the unit of time in which returns counts.
const (
	slotLength = 100 * time.Millisecond
	slotCount  = int64(longestHold / slotLength)
)

// returns spreads clients whose node has vanished over the time for which they
// may be held. It counts how many are told to come back in each slot of that
// time, so what is over weighs on nobody. The zero value is ready.
type returns struct {
	began time.Time // of slot 0; zero: nobody has been lost so far
	slot  int64     // of the last call
	told  [slotCount]int32
}

// place is how long the next client is to be held: to the first slot with room
// for it at that rate or, when all are full, to the one that is the least above
// it. So those that exceed the longest hold are spread evenly, too.
func (r *returns) place(perSecond float64, now time.Time) time.Duration {
	if r.began.IsZero() {
		r.began = now
	}
	r.advance(int64(now.Sub(r.began) / slotLength))
	best, least := r.slot, math.Inf(1)
	for slot := r.slot; slot < r.slot+slotCount && least >= 0; slot++ {
		above := float64(r.told[slot%slotCount]) - room(slot, perSecond)
		if above < least {
			best, least = slot, above
		}
	}
	return max(0, r.take(best, perSecond).Sub(now))
}

// advance forgets the slots that are over.
func (r *returns) advance(slot int64) {
	for over := max(r.slot, slot-slotCount); over < slot; over++ {
		r.told[over%slotCount] = 0
	}
	r.slot = max(r.slot, slot)
}

// room is how many clients a slot takes at a rate, in whole clients.
func room(slot int64, perSecond float64) float64 {
	each := perSecond * slotLength.Seconds()
	return math.Floor(float64(slot+1)*each) - math.Floor(float64(slot)*each)
}

// take counts one more client in a slot, and is when its turn is there.
func (r *returns) take(slot int64, perSecond float64) time.Time {
	told := &r.told[slot%slotCount]
	inside := time.Duration(float64(slotLength) * float64(*told) / max(1, room(slot, perSecond)))
	*told++
	return r.began.Add(time.Duration(slot)*slotLength + inside%slotLength)
}
