package moves

import (
	"context"
	"time"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// MoveOld moves clients that have been connected for longer than
// Options.MaxAge, at Options.Rate, until ctx ends or Stop. Nobody
// goes while no node can take clients; a client may come back to the same one.
// Only one call may be under way.
func (m *Moves) MoveOld(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.stopping, cancel)()
	clock := time.NewTimer(0)
	defer clock.Stop()
	var a aging
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.changed:
			a.look = time.Time{}
		case <-clock.C:
		}
		o := m.options.Load()
		if o.MaxAge == 0 {
			a = aging{}
			clock.Stop()
			continue
		}
		clock.Reset(m.moveOld(&a, o, time.Now()))
	}
}

// aging is what MoveOld knows from one step to the next. Its zero value has
// everything before it.
type aging struct {
	look  time.Time // when all clients are looked at again; zero: the options have changed
	going []*Client // those that were too old at the last look, and have not gone
	pace  pace
}

// moveOld is one step, and returns when the next one is due.
func (m *Moves) moveOld(a *aging, o *Options, now time.Time) (nap time.Duration) {
	if a.look.IsZero() {
		a.setRate(o.Rate, now)
	}
	if !now.Before(a.look) {
		a.going, a.look = m.live.older(o.MaxAge, now), now.Add(lookEvery(o.MaxAge))
	}
	switch {
	case len(a.going) == 0:
	case !m.pool.Usable():
		a.pace.hold(now.Add(longNap))
	default:
		m.retire(a, now)
	}
	if len(a.going) == 0 {
		return a.look.Sub(now)
	}
	return min(max(a.pace.next.Sub(now), shortNap), longNap)
}

// setRate begins a pace, or goes on with another one.
func (a *aging) setRate(rate int, now time.Time) {
	next := newPace(rate, now)
	next.follow(a.pace)
	a.pace = next
}

// lookEvery is short beside the age, and long beside what a look at a hundred
// thousand clients costs.
func lookEvery(age time.Duration) time.Duration {
	return min(max(age/100, longNap), 10*time.Second)
}

// retire moves as many as are due.
func (m *Moves) retire(a *aging, now time.Time) {
	for due := a.pace.due(now); due > 0 && len(a.going) > 0; a.going = a.going[1:] {
		if m.renew(a.going[0]) {
			due--
		}
	}
}

// renew has one client come back anew, unless it has gone, or goes anyway as
// its node is being emptied.
func (m *Moves) renew(c *Client) bool {
	s := m.pool.Status(m.live.at(c))
	if !s.Up || s.Drain != nil || s.Removed || !m.live.claim(c) {
		return false
	}
	c.close(relay.Close{Code: pusher.CodeMove, Reason: "connected for too long", By: relay.ByMaxAge})
	return true
}
