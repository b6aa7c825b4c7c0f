package relay

import (
	"sync"
	"time"
)

// portablePings are the pings of a relay of the plain engine, and their clock.
type portablePings struct {
	every   time.Duration
	token   *token
	closing *closing

	mu    sync.Mutex // both goroutines of the relay, and the timer's, know of them
	known pings
	due   bool // one is to be sent
	timer *time.Timer
}

func newPortablePings(every time.Duration, t *token, c *closing) *portablePings {
	p := &portablePings{every: every, token: t, closing: c}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(every, p.fire)
	return p
}

// fire has toClient look whether a ping is to be sent.
func (p *portablePings) fire() {
	p.mu.Lock()
	p.due = true
	p.mu.Unlock()
	p.closing.nudge()
}

// putOff is told that something has passed.
func (p *portablePings) putOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = false
	p.timer.Reset(p.every)
}

// take reports whether a ping is due that can be sent now, and then counts it
// as sent; deaf is true instead when the client has left too many unanswered.
// It winds the clock up again.
func (p *portablePings) take(inFrame bool) (ping, deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due {
		return false, false
	}
	p.due = false
	p.timer.Reset(p.every)
	if deaf = p.known.deaf(); deaf || inFrame {
		return false, deaf
	}
	p.known.sent()
	return true, false
}

// heard is pings.heard, and reports whether only a pong to us has come.
func (p *portablePings) heard(b []byte, ahead uint64) (rest []byte, only bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known.owed == 0 {
		return b, false
	}
	rest = p.known.heard(b, ahead, p.token)
	return rest, p.known.only
}
