package proxy

import (
	"container/list"
	"sync"
)

// queue is where plain requests wait for a place at a node: those that an app
// has signed are first, and then those that came first. The zero value is ready.
// Its methods may be called concurrently.
type queue struct {
	mu             sync.Mutex
	signed, others list.List // of *waiter
}

// waiter is one request in the queue.
type waiter struct {
	woken chan struct{} // has one when there may be a place
	line  *list.List
	at    *list.Element
}

// join puts a request at the end; it must leave.
func (q *queue) join(signed bool) *waiter {
	w := &waiter{woken: make(chan struct{}, 1), line: &q.others}
	if signed {
		w.line = &q.signed
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	w.at = w.line.PushBack(w)
	return w
}

// leave takes a request out, and wakes the next if it was woken and has not
// looked.
func (q *queue) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.line.Remove(w.at)
	if len(w.woken) > 0 {
		q.wakeNext()
	}
}

// wake tells the first that waits that a place has become free.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakeNext()
}

// wakeNext passes over those that are woken and have not looked yet. mu is held.
func (q *queue) wakeNext() {
	for _, line := range []*list.List{&q.signed, &q.others} {
		for at := line.Front(); at != nil; at = at.Next() {
			select {
			case at.Value.(*waiter).woken <- struct{}{}:
				return
			default:
			}
		}
	}
}
