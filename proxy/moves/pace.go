package moves

import (
	"math"
	"time"
)

// pace says when clients may go: one after the other, evenly, and in no second
// more than the rate and a twentieth of it. Lateness is made up for within
// that twentieth; a longer pause of the process is not, since the clients it
// held up must not come to the other nodes as a wave.
type pace struct {
	rate  int           // clients a second, 0: all at once
	every time.Duration // from one client to the next
	slack time.Duration // the lateness that is made up for
	next  time.Time     // when the next client may go
}

// newPace begins a pace of so many clients a second, 0: all at once, the first
// of which may go one step after now.
func newPace(rate int, now time.Time) pace {
	p := pace{rate: rate}
	p.take(1, now)
	p.next = now.Add(p.every)
	return p
}

// leastShare keeps a pace going that has hardly any part in the rate.
const leastShare = 0.01

// take makes the pace that part of the rate, where others move clients of the same
// node. What the next client has still to wait becomes longer or shorter by as much.
func (p *pace) take(share float64, now time.Time) {
	if p.rate == 0 {
		return
	}
	rate := float64(p.rate) * max(share, leastShare)
	every := time.Duration(math.Ceil(float64(time.Second) / rate))
	if left := p.next.Sub(now); left > 0 && p.every > 0 {
		p.next = now.Add(time.Duration(float64(left) * float64(every) / float64(p.every)))
	}
	p.every, p.slack = every, time.Duration(rate/20)*every
}

// follow takes up where another pace of the same clients has left off, so that
// asking for a new rate lets nobody go at once.
func (p *pace) follow(before pace) {
	if before.every > 0 && before.next.Before(p.next) {
		p.next = before.next
	}
}

// due is how many clients may go now; they count as gone.
func (p *pace) due(now time.Time) int {
	if p.every == 0 {
		return math.MaxInt
	}
	late := min(now.Sub(p.next), p.slack)
	if late < 0 {
		return 0
	}
	count := late/p.every + 1
	p.next = now.Add(count*p.every - late)
	return int(count)
}

// hold is that nobody may go until some time, and that this is nothing to make
// up for.
func (p *pace) hold(until time.Time) {
	if p.next.Before(until) {
		p.next = until
	}
}
