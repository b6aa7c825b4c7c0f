package relay

import "time"

// tick is what a wheel's times are counted in: long, as nothing is in a hurry
// that has a deadline, and short beside the shortest sensible one.
const tick = 100 * time.Millisecond

// ticks counts from a wheel's start; 0: never.
type ticks uint32

// later is when d has surely passed, from now on.
func (t ticks) later(d time.Duration) ticks {
	const far = 1 << 30 * tick // three years
	return t + 1 + ticks((min(d, far)+tick-1)/tick)
}

// duration is what has passed after so many ticks in any case; it is that from
// which later has made them, rounded up.
func (t ticks) duration() time.Duration { return time.Duration(t-1) * tick }

// earlier is the earlier one of two, of which either may be never.
func (t ticks) earlier(u ticks) ticks {
	if t == 0 || u != 0 && u < t {
		return u
	}
	return t
}

const wheelSize = 512

// wheel wakes whoever has asked for it. It knows them by handle only, so that
// one that has gone needs no taking out: its owner sees that the handle is
// old. The zero value is an empty wheel at time 0.
type wheel struct {
	slots   [wheelSize][]handle
	now     ticks
	next    ticks // when it wakes somebody, while anybody waits
	waiting int   // handles
}

// add wakes h at the time at or, where that is more than a turn of the wheel
// away, earlier, and returns when. What has passed is the next tick.
func (w *wheel) add(h handle, now, at ticks) ticks {
	if w.waiting == 0 {
		w.now = max(w.now, now) // nobody has advanced it
	}
	at = min(max(at, w.now+1), w.now+wheelSize-1)
	slot := &w.slots[at%wheelSize]
	*slot = append(*slot, h)
	if w.waiting == 0 || at < w.next {
		w.next = at
	}
	w.waiting++
	return at
}

// advance goes on to the time to, and wakes those whose time has come.
func (w *wheel) advance(to ticks, wake func(handle)) {
	for w.waiting > 0 && w.next <= to {
		w.now = w.next
		slot := &w.slots[w.now%wheelSize]
		due := *slot
		*slot = nil
		w.waiting -= len(due)
		for _, h := range due {
			wake(h)
		}
		w.next = w.following()
	}
	w.now = max(w.now, to)
}

// following is the first time after now at which somebody is woken; with nobody, it is a
// turn away.
func (w *wheel) following() ticks {
	at := w.now + 1
	for at < w.now+wheelSize && len(w.slots[at%wheelSize]) == 0 {
		at++
	}
	return at
}

func (w *wheel) empty() bool { return w.waiting == 0 }
