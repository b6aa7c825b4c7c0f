// Package moves knows the clients that are being relayed, and moves them: off a
// node that is drained, was removed or is lost, off all nodes at a stop, a part of
// them for a rebalance, and those that have been connected for too long. It says
// who goes and when; closing is what the relay does.
package moves

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// Options are what a reload of the configuration can change.
type Options struct {
	// Answer is how long a client may take to answer a Close frame. So long
	// before its deadline a move tells all that are left.
	Answer time.Duration
	// MaxAge is how long a client may be connected, see MoveOld; 0: for ever.
	MaxAge time.Duration
	// Rate is how many clients a second go for their age; 0: all at once.
	Rate int
}

// Moves are the clients and their moves. Make it with New. Its methods may be
// called concurrently.
type Moves struct {
	pool    *balancer.Pool
	options atomic.Pointer[Options]
	changed chan struct{} // has one once they have been replaced; for MoveOld
	live    registry

	transfers transfers
	outcomes  outcomes

	mu        sync.Mutex
	running   map[*balancer.Node]*move
	rebalance *move // the last one; nil: none yet
	stopped   *Move // how Stop moves clients; nil: not stopped

	stopping context.Context // ends with Stop
	stop     context.CancelFunc
}

// New returns the moves of the pool's clients. It starts nothing.
func New(pool *balancer.Pool, o Options) *Moves {
	m := &Moves{pool: pool, changed: make(chan struct{}, 1), transfers: newTransfers(), running: make(map[*balancer.Node]*move)}
	m.stopping, m.stop = context.WithCancel(context.Background())
	m.SetOptions(o)
	return m
}

// SetOptions replaces the options, for all clients and for moves under way.
func (m *Moves) SetOptions(o Options) {
	m.options.Store(&o)
	select {
	case m.changed <- struct{}{}:
	default: // MoveOld has still to see the last change
	}
}

// Client is one client as far as moves need it. It is a part of what else is
// known of the client. The exported fields are set before Add.
type Client struct {
	Relay relay.Relay    // a Session, if it has one
	Node  *balancer.Node // Arrive changes it
	Since time.Time      // when it came

	// Guarded by the registry's mutex.
	place int32  // in the registry, from 1; 0: not there; hasEnded; isLeaving
	aside bool   // its node keeps its other clients, so that it is no part of an outcome
	bound bool   // with this node no other process can take it over
	extra uint16 // drawn by the registry: how much older than others it may become
}

// young is how long a client must have been connected to be told to come back
// at once when its node is lost: one whose node keeps ending it would come in a
// loop without a pause.
const young = 2 * time.Second

// IsYoung is whether the client has only just come.
func (c *Client) IsYoung(now time.Time) bool { return now.Sub(c.Since) < young }

// close tells the client to go.
func (c *Client) close(how relay.Close) { c.Relay.Close(how) }

// Add makes a client one that can be moved, unless it has ended already. After
// Stop it is told to go at once.
func (m *Moves) Add(c *Client) {
	m.live.add(c)
	m.mu.Lock()
	how := m.stopped
	m.mu.Unlock()
	if how != nil {
		c.close(relay.Close{Code: how.Code, Reason: how.Reason, By: how.By})
	}
}

// Remove is for a client that has ended, also before it was added.
func (m *Moves) Remove(c *Client) { m.live.remove(c) }

// Clients is how many clients can be moved: those that have not been asked to go.
func (m *Moves) Clients() int { return m.live.len() }

// tellWithin is how long a stop takes to tell everybody. It is that short since
// a client that is told comes back after a second, and must then find a successor.
const tellWithin = 500 * time.Millisecond

// Stop tells all clients to go, within half a second or at the rate if that is
// faster, and ends all other moves. gone is closed when the last client is gone.
// It may be called once.
func (m *Moves) Stop(how Move) (gone <-chan struct{}) {
	m.stop()
	running, rebalance := m.moveAll(how)
	rebalance.stop()
	all := make(chan struct{})
	go func() {
		defer close(all)
		for _, current := range running {
			<-current.done
		}
		m.transfers.running.Wait()
	}()
	return all
}

// moveAll begins to move everybody, and is the last that begins a move.
func (m *Moves) moveAll(how Move) (running []*move, rebalance *move) {
	m.mu.Lock()
	defer m.mu.Unlock()
	how.Alone = true
	m.stopped = &how
	how.Deadline = time.Now().Add(tellWithin + m.options.Load().Answer) // so many are told by then
	for _, n := range m.pool.Nodes() {
		each := how
		if each.Rate > 0 {
			each.Rate = max(each.Rate, int(time.Second/tellWithin)*n.Connections)
		}
		m.start(n.Node, each, nil)
	}
	return slices.Collect(maps.Values(m.running)), m.rebalance
}
