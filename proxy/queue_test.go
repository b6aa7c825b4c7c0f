package proxy

import "testing"

func woken(w *waiter) bool {
	select {
	case <-w.woken:
		return true
	default:
		return false
	}
}

func TestTheQueueWakesSignedRequestsFirst(t *testing.T) {
	var q queue
	q.wake() // nobody waits
	stranger, second := q.join(false), q.join(false)
	signed := q.join(true)
	q.wake()
	q.wake()
	if !woken(signed) || !woken(stranger) || woken(second) {
		t.Error("want the signed request and the first stranger woken, and no other")
	}
	q.leave(signed)
	q.leave(stranger)
	q.wake()
	if !woken(second) {
		t.Error("want the second stranger woken")
	}
}

func TestAWakeUpIsNotLostWithTheRequestThatLeaves(t *testing.T) {
	var q queue
	first, second := q.join(false), q.join(false)
	q.wake()
	q.leave(first)
	if !woken(second) {
		t.Error("want the second woken, since the first has left without looking")
	}
	q.leave(second)
}

func TestARequestThatLeavesTheQueueInVainWakesNobody(t *testing.T) {
	var q queue
	first, second := q.join(false), q.join(false)
	q.leave(first)
	if woken(second) {
		t.Error("got the second woken, want it to wait: no place has become free")
	}
	q.leave(second)
}
