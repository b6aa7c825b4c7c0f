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
	mu       sync.Mutex
	happened bool          // since the last wait
	by       time.Time     // zero: never
	woken    chan struct{} // has one for who waits; nil: nobody has waited so far
	timer    *time.Timer   // for by; nil: nobody has waited for that so far
}

// set ends the wait, or the next one.
func (s *signal) set() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened = true
	s.wake()
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
	select {
	case s.woken <- struct{}{}: // never while it is nil
	default:
	}
}

// timeUp is called by the timer.
func (s *signal) timeUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// wait returns nil when something may have happened, and
// os.ErrDeadlineExceeded once it is too late for that.
func (s *signal) wait() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.late() {
		if s.happened {
			s.happened = false
			return nil
		}
		s.sleep()
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
func (s *signal) sleep() {
	if s.woken == nil {
		s.woken = make(chan struct{}, 1)
	}
	if !s.by.IsZero() {
		s.startTimer(time.Until(s.by))
		defer s.timer.Stop()
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
