package proxy

import (
	"context"
	"time"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// MoveOld moves clients that have been connected for longer than
// Limits.MaxAge, at Options.Rate, until ctx ends or the Handler stops. Nobody
// goes while no node can take clients; who goes may come back to the same one.
// Only one call may be under way.
func (h *Handler) MoveOld(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.stopping, cancel)()
	clock := time.NewTimer(0)
	defer clock.Stop()
	var a aging
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.changed:
			a.look = time.Time{}
		case <-clock.C:
		}
		o := h.options.Load()
		if o.Limits.MaxAge == 0 {
			a = aging{}
			clock.Stop()
			continue
		}
		clock.Reset(h.moveOld(&a, o, time.Now()))
	}
}

// aging is what MoveOld knows from one step to the next. Its zero value has
// everything before it.
type aging struct {
	look  time.Time // when all clients are looked at again
	going []*client // those who were too old at the last look, and have not gone
	rate  int       // that the pace is for
	pace  pace
}

// moveOld is one step, and returns when the next one is due.
func (h *Handler) moveOld(a *aging, o *Options, now time.Time) (nap time.Duration) {
	a.setRate(o.Rate, now)
	if !now.Before(a.look) {
		a.going, a.look = h.live.older(o.Limits.MaxAge, now), now.Add(lookEvery(o.Limits.MaxAge))
	}
	switch {
	case len(a.going) == 0:
	case !h.Pool.Usable():
		a.pace.hold(now.Add(longNap))
	default:
		h.retire(a, now)
	}
	if len(a.going) == 0 {
		return a.look.Sub(now)
	}
	return min(max(a.pace.next.Sub(now), shortNap), longNap)
}

// setRate begins a pace, or goes on with another one.
func (a *aging) setRate(rate int, now time.Time) {
	if rate == a.rate && !a.look.IsZero() {
		return
	}
	next := newPace(rate, now)
	next.follow(a.pace)
	a.rate, a.pace = rate, next
}

// lookEvery is short beside the age, and long beside what a look at a hundred
// thousand clients costs.
func lookEvery(age time.Duration) time.Duration {
	return min(max(age/100, longNap), 10*time.Second)
}

// retire moves as many as are due.
func (h *Handler) retire(a *aging, now time.Time) {
	for due := a.pace.due(now); due > 0 && len(a.going) > 0; a.going = a.going[1:] {
		if h.renew(a.going[0]) {
			due--
		}
	}
}

// renew has one client come back anew, unless it has gone, or goes anyway as
// its node is being emptied.
func (h *Handler) renew(c *client) bool {
	s := h.Pool.Status(c.pick.Node)
	if !s.Up || s.Drain != nil || s.Removed || !h.live.claim(c) {
		return false
	}
	c.conn.Close(relay.Close{Code: pusher.CodeMove, Reason: "connected for too long", By: relay.ByMaxAge})
	return true
}
