package proxy

import (
	"context"
	"sync"
	"time"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// mostRestored is how many sessions of lost nodes are made anew at the same time.
// A node takes its share of the upgrades per second; this is what waits for that.
const mostRestored = 64

// mostHasty is how many times in a row a session may lose its node right after it
// has got it. Nodes that restart one after the other do that; one that lets clients
// in and ends them would do it for ever.
const mostHasty = 4

// NodeLost implements relay.Owner. With session.on_loss: move the client is held
// while its session is made anew.
func (s *sessionClient) NodeLost(last string) relay.Close {
	if told, ok := s.refused(complaint(lastPayload([]byte(last)))); ok {
		return told
	}
	h := s.handler
	if !s.canRestore(time.Now()) {
		return h.lost(&s.client)
	}
	h.noteLoss(s.pick.Node)
	s.held.Store(true)
	h.restored.add(s, h.restoreHeld)
	return relay.Close{Code: pusher.CodeRetry, Reason: "node lost", By: relay.ByNodeLost, After: longestHold, Await: true}
}

// canRestore is whether the session can be made anew, and notes that it has to be.
func (s *sessionClient) canRestore(now time.Time) bool {
	o := s.handler.options.Load()
	if !o.Session.Move || o.Session.OnLoss != LossMove || !o.knows(s.session.App()) || s.session.Movable() != nil {
		return false
	}
	if now.Sub(s.live.Since)-s.at < youngSession {
		s.hasty++
	} else {
		s.hasty = 0
	}
	return s.hasty <= mostHasty
}

// youngSession is how soon after it has got its node a session loses it in haste.
const youngSession = 2 * time.Second

// restorations are the sessions that wait to be made anew, and the goroutines that
// do it, of which there are some while there are sessions. The zero value is ready.
type restorations struct {
	mu      sync.Mutex
	waiting []held
	workers int
	running sync.WaitGroup
}

// held is a client without a node.
type held struct {
	*sessionClient
	until time.Time
}

func (r *restorations) add(s *sessionClient, restore func(held)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, held{s, time.Now().Add(longestHold)})
	if r.workers == mostRestored {
		return
	}
	r.workers++
	r.running.Go(func() {
		for {
			next, ok := r.next()
			if !ok {
				return
			}
			restore(next)
		}
	})
}

// next is the one that has waited for longest; false ends a worker.
func (r *restorations) next() (next held, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		r.workers--
		r.waiting = nil
		return held{}, false
	}
	next = r.waiting[0]
	r.waiting = r.waiting[1:]
	return next, true
}

// restoreHeld makes one session anew, as soon as a node takes it. The client is
// closed when that has not come by its time, see relay.Close.Await.
func (h *Handler) restoreHeld(s held) {
	ctx, cancel := context.WithDeadline(h.stopping, s.until)
	defer cancel()
	s.turn.Lock() // of a move that is about to fail
	defer s.turn.Unlock()
	began := time.Now()
	for ctx.Err() == nil && !s.ended.Load() {
		if err := s.restore(ctx); err == nil {
			h.noteTransfer(s.sessionClient, nil, time.Since(began))
			return
		}
		pause(ctx, restoreAgain)
	}
	if h.stopping.Err() != nil { // which may not find the client among those that can be moved
		s.Close(relay.Close{Code: pusher.CodeRetry, Reason: "restarting", By: relay.ByShutdown})
	}
}

// restoreAgain is how soon a session is tried again that no node has taken.
const restoreAgain = 50 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
