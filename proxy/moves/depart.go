package moves

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// Depart closes the clients that no other process can take over, see Bind, those with
// a session, too: at random, and spread evenly over d. It goes on with those that are
// found out meanwhile and then, until ctx ends or Stop, with all that are left. While
// no node can take clients it waits, until d is over. 0: nobody is closed, and it
// returns at once. Other moves go on beside it. Only one call may be under way.
func (m *Moves) Depart(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	now := time.Now()
	dep := departure{last: now, end: now.Add(d)}
	clock := time.NewTimer(longNap)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.stopping.Done():
			return
		case <-clock.C:
		}
		m.depart(&dep, time.Now())
		clock.Reset(longNap)
	}
}

// departure is what Depart knows from one step to the next.
type departure struct {
	last, end time.Time // the last step; when everybody is to be gone
	look      time.Time // when all clients are looked at again; zero: now
	going     []*Client // those that have not gone at the last look
	owed      float64   // what was left of one client at the last step
}

// lookForBound is how soon clients go that were found to be bound.
const lookForBound = time.Second

// depart is one step.
func (m *Moves) depart(d *departure, now time.Time) {
	over := !now.Before(d.end)
	if over || !now.Before(d.look) {
		d.going, d.look = m.live.all(!over), now.Add(lookForBound)
		rand.Shuffle(len(d.going), func(i, j int) { d.going[i], d.going[j] = d.going[j], d.going[i] })
	}
	can := m.pool.Usable()
	if !can && !over {
		d.last = now
		return
	}
	for due := d.due(now); due > 0 && len(d.going) > 0; d.going = d.going[1:] {
		if m.bidFarewell(d.going[0], can) {
			due--
		}
	}
}

// due is how many may go now: of those that are left the part that the last step is of
// what was left of the time.
func (d *departure) due(now time.Time) int {
	if !now.Before(d.end) {
		return len(d.going)
	}
	d.owed += float64(len(d.going)) * float64(now.Sub(d.last)) / float64(d.end.Sub(d.last))
	d.last = now
	whole, part := math.Modf(d.owed)
	d.owed = part
	return int(whole)
}

// bidFarewell closes one client, unless it has gone, or is being moved.
func (m *Moves) bidFarewell(c *Client, can bool) bool {
	if !m.live.claim(c) {
		return false
	}
	code := pusher.CodeMove
	if !can {
		code = pusher.CodeRetry
	}
	c.close(relay.Close{Code: code, Reason: "upgraded", By: relay.ByUpgrade})
	return true
}
