package relay

import (
	"os"
	"sync"
	"time"
)

// signal is what one side of a netConn waits for: that something may have
// happened, and no longer than until a deadline. One may wait at a time. The
// zero value is that nothing has happened, and no deadline.
type signal struct {
	conn     *netConn // whose it is; nil: nobody's
	mu       sync.Mutex
	happened bool          // since the last wait
	by       time.Time     // zero: never
	sleeper  *coroutine    // that waits; nil: none does
	woken    chan struct{} // has one for another who waits; nil: nobody has waited so far
	timer    *time.Timer   // for by; nil: nobody has waited for that so far, but on a shard
}

// set ends the wait, or the next one.
func (s *signal) set() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened = true
	s.wake()
}

// setOn is set on a shard, whose own coroutine goes on at once.
func (s *signal) setOn(shard *shard) {
	if c := s.setBut(shard); c != nil {
		c.run()
	} else {
		shard.woken = true
	}
}

// setBut is set, but for a coroutine of this shard, which it returns.
func (s *signal) setBut(shard *shard) *coroutine {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened = true
	c := s.sleeper
	if c == nil || c.shard != shard {
		s.wake()
		return nil
	}
	s.sleeper = nil
	return c
}

// limit sets the deadline, also of a wait that has begun.
func (s *signal) limit(by time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = by
	s.wake()
}

// wake has who waits look again. mu is held.
func (s *signal) wake() {
	if c := s.sleeper; c != nil {
		s.sleeper = nil
		c.wake()
		return
	}
	select {
	case s.woken <- struct{}{}: // never while it is nil
	default:
	}
}

// timeUp is called by the timer, or when a wheel has come to a deadline.
func (s *signal) timeUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// wait returns nil when something may have happened, and
// os.ErrDeadlineExceeded once it is too late for that. c is the coroutine that waits;
// nil: it is none.
func (s *signal) wait(c *coroutine) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.late() {
		if s.happened {
			s.happened = false
			return nil
		}
		s.sleep(c)
	}
	return os.ErrDeadlineExceeded
}

// late is whether the deadline is over. mu is held.
func (s *signal) late() bool { return !s.by.IsZero() && !time.Now().Before(s.by) }

// isLate is whether the deadline is over.
func (s *signal) isLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late()
}

// sleep waits until woken, or the deadline. mu is held, but not meanwhile.
func (s *signal) sleep(c *coroutine) {
	switch {
	case s.by.IsZero():
	case s.conn != nil && c.runsOn(s.conn.shard) && !c.over:
		s.conn.wakeAt(s.by)
	default:
		s.startTimer(time.Until(s.by))
		defer s.timer.Stop()
	}
	if c != nil && !c.over {
		s.sleeper = c
		c.wait(&s.mu)
		return
	}
	if s.woken == nil {
		s.woken = make(chan struct{}, 1)
	}
	s.mu.Unlock()
	<-s.woken
	s.mu.Lock()
}

func (s *signal) startTimer(left time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(left, s.timeUp)
	} else {
		s.timer.Reset(left)
	}
}
