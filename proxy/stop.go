package proxy

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"fermata/proxy/relay"
)

// errStopping is why a client is turned away, or not answered, that no node has
// failed.
var errStopping = errors.New("stopping")

// tellWithin is how long a stop takes to tell everybody. It is that short because
// who is told comes back after a second, and must then find a successor.
const tellWithin = 500 * time.Millisecond

// Stop tells all clients to go, within half a second or at the rate if that is
// faster, and returns when the last one is gone. What has not ended by the
// deadline is cut: clients that do not answer, and bodies that have not come. A
// client that is on its way in is turned away, and so are those that still come:
// they find nobody if they are refused.
func (h *Handler) Stop(m Move) {
	m.Alone = true
	h.stop()
	running, rebalance := h.moveAll(m)
	rebalance.stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for _, current := range running {
			<-current.done
		}
	}()
	h.cutFrom(m.Deadline, gone)
	<-gone
}

// moveAll begins to move everybody, and is the last that begins a move.
func (h *Handler) moveAll(m Move) (running []*move, rebalance *move) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = &m
	m.Deadline = time.Now().Add(tellWithin + h.options.Load().Timeouts.Close) // so many are told by then
	for _, n := range h.Pool.Nodes() {
		how := m
		if how.Rate > 0 {
			how.Rate = max(how.Rate, int(time.Second/tellWithin)*n.Connections)
		}
		h.start(n.Node, how, nil)
	}
	return slices.Collect(maps.Values(h.moves)), h.rebalance
}

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
			h.Engine.Cut()
			clock.Reset(longNap)
		}
	}
}

// Answered returns when no plain request waits for a node's answer. When ctx has
// ended all are given up, and answered by Fermata.
func (h *Handler) Answered(ctx context.Context) {
	for h.asked.Load() > 0 && nap(ctx, shortNap) {
	}
	h.giveUp()
}

// Wait returns when nothing of any client is left. It is to be called once no
// request is being served any more.
func (h *Handler) Wait() {
	h.hijacked.Wait()
	h.Engine.Wait()
}

// closeIfStopped closes a client that came in while the Handler stopped.
func (h *Handler) closeIfStopped(c *client) {
	h.mu.Lock()
	m := h.stopped
	h.mu.Unlock()
	if m != nil {
		c.conn.Close(relay.Close{Code: m.Code, Reason: m.Reason, By: m.By})
	}
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
