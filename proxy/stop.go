package proxy

import (
	"context"
	"errors"
	"net"
	"time"

	"fermata/proxy/moves"
)

// errStopping is why a client is turned away, or not answered, that no node has
// failed.
var errStopping = errors.New("stopping")

// Stop tells all clients to go, within half a second or at the rate if that is
// faster, and returns when the last one is gone. What has not ended by the
// deadline is cut: clients that do not answer, and bodies that have not come. A
// client that is on its way in is turned away, and so are those that still come:
// they find nobody if they are refused.
func (h *Handler) Stop(how moves.Move) {
	h.stop()
	h.waits.end(errStopping, func(one *wait) bool { return one.upgrade })
	gone := h.moves.Stop(how)
	h.cutFrom(how.Deadline, gone)
	<-gone
}

// cutEvery is how soon what comes to the relay after the deadline is cut, too.
const cutEvery = 20 * time.Millisecond

// cutFrom cuts from the deadline on whatever has not ended, also what comes to
// the relay after that, until all are gone. Zero: it cuts nothing.
func (h *Handler) cutFrom(deadline time.Time, gone <-chan struct{}) {
	if deadline.IsZero() {
		return
	}
	clock := time.NewTimer(time.Until(deadline))
	defer clock.Stop()
	for {
		select {
		case <-gone:
			h.cut()
			return
		case <-clock.C:
			h.cut()
			h.engine.Cut()
			clock.Reset(cutEvery)
		}
	}
}

// Answered returns when no plain request waits for a node's answer. When ctx has
// ended all are given up, and answered by Fermata.
func (h *Handler) Answered(ctx context.Context) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for h.asked.Load() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-look.C:
		}
	}
	h.giveUp()
}

// Wait returns when nothing of any client is left. It is to be called once no
// request is being served any more.
func (h *Handler) Wait() {
	h.engine.Wait() // for newcomers on shards, who may still be hijacked
	h.hijacked.Wait()
	h.engine.Wait()
	h.restored.running.Wait()
	h.markers.running.Wait()
}

// untilCut has reads and writes of a connection fail once a stop cuts what is
// left, until done is called.
func (h *Handler) untilCut(conn net.Conn) (done func() bool) {
	return context.AfterFunc(h.left, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// waitForNode counts a plain request that a node gets, until done. A stop gives it
// up by cancel.
func (h *Handler) waitForNode(cancel context.CancelCauseFunc) (done func()) {
	h.asked.Add(1)
	stop := context.AfterFunc(h.patience, func() { cancel(errStopping) })
	return func() {
		stop()
		h.asked.Add(-1)
	}
}
