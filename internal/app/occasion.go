package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"fermata/balancer"
	"fermata/internal/cluster"
)

// occasion is whether clients may sit unevenly, and since when nothing happens
// to the nodes: after a restart of all, the first one that listens has nearly
// everybody, and cookies keep it so. An occasion is good for one rebalance, so
// that none is repeated which clients undo. The zero value has none. Its methods
// may be called concurrently.
type occasion struct {
	mu    sync.Mutex
	given bool
	last  time.Time
}

// note takes in what is told to the followers of events.
func (o *occasion) note(kind string, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = now
	switch kind {
	case "start", "node_up", "node_found", "undrain", "reload":
		o.given = true
	}
}

// ripe is whether there is an occasion, and nothing has happened for so long.
func (o *occasion) ripe(after time.Duration, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.given && now.Sub(o.last) >= after
}

// use ends the occasion.
func (o *occasion) use() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.given = false
}

// happened is told what the followers of events are. A rebalance that nobody has
// asked for makes way for whatever moves clients or nodes.
func (a *App) happened(kind string, now time.Time) {
	a.occasion.note(kind, now)
	switch kind {
	case "drain", "roll", "reload", "panic", "node_down", "node_gone":
		if a.unasked.CompareAndSwap(true, false) {
			a.moves.EndRebalance()
			a.tell("rebalanced", "", "ended early, since something else has begun")
		}
	}
}

// rebalanceUnasked looks once a second whether clients should be moved from the
// fullest nodes to the emptiest, until ctx ends.
func (a *App) rebalanceUnasked(ctx context.Context) {
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	a.occasion.note("start", time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-clock.C:
			a.rebalanceIfWorth(now)
		}
	}
}

// rebalanceIfWorth begins a rebalance if it is time and worth closing clients
// for. While clients are few the occasion stays. Of several Fermatas one begins it.
func (a *App) rebalanceIfWorth(now time.Time) {
	a.mu.Lock()
	worth := len(a.unaskedPlan(now)) > 0
	a.mu.Unlock()
	if !worth {
		return
	}
	a.decideUnasked(func(v cluster.View, s *cluster.State) error {
		o, reliefs := a.config.Rebalance, a.unaskedPlan(now)
		if recent := a.council.Now().Add(-o.After).UnixMilli(); len(reliefs) == 0 || s.Rebalance.Stamp.At > recent {
			return errNothingToDo
		}
		s.Rebalance = a.newRebalance(v, reliefs, o.Rate, true)
		return nil
	})
}

var errNothingToDo = errors.New("nothing to do")

// unaskedPlan is who would have to give clients away now. mu is held.
func (a *App) unaskedPlan(now time.Time) []balancer.Relief {
	o := a.config.Rebalance
	if !o.Auto || len(a.pool.Avoided()) > 0 || !a.occasion.ripe(o.After, now) || a.moves.Rebalancing() {
		return nil
	}
	return a.pool.PlanUnasked(o.Skew, o.MinClients)
}
