package moves

import (
	"context"
	"math/rand/v2"
	"time"

	"fermata/balancer"
	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// comeback is how long the last clients of a rebalance have to come back and
// get another node. pusher-js comes at once.
const comeback = 30 * time.Second

// Rebalance begins to move so many clients off these nodes to emptier ones, at
// a rate for all of them together, 0: all at once. Each client is moved once
// at most; they are chosen at random among those that are there now. It replaces
// the rebalance under way, if there is one, and returns at once. moved is
// called with their number when the last one has been closed, not when it is
// cancelled.
func (m *Moves) Rebalance(reliefs []balancer.Relief, rate int, moved func(clients int)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped != nil {
		return
	}
	previous := m.rebalance
	ctx, cancel := context.WithCancel(context.Background())
	current := &move{cancel: cancel, done: make(chan struct{})}
	m.rebalance = current
	go func() {
		defer close(current.done)
		defer cancel()
		previous.stop()
		current.begin(Move{Rate: rate}, previous)
		m.relieve(ctx, reliefs, &current.pace, moved)
	}()
}

// EndRebalance ends the rebalance under way, if there is one: clients that have
// not been closed stay.
func (m *Moves) EndRebalance() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rebalance != nil {
		m.rebalance.cancel()
	}
}

// Rebalancing is whether one is under way, or its last clients are coming back.
func (m *Moves) Rebalancing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rebalance == nil {
		return false
	}
	select {
	case <-m.rebalance.done:
		return false
	default:
		return true
	}
}

// relieve closes the clients that go. A node sheds each of them until it has
// come back, or somebody else has come in its place.
func (m *Moves) relieve(ctx context.Context, reliefs []balancer.Relief, p *pace, moved func(int)) {
	for _, r := range reliefs {
		defer func() { m.pool.Shed(r.Node, -m.pool.Status(r.Node).Shed) }()
	}
	count, going := 0, m.drawn(reliefs)
	for len(going) > 0 {
		if !nap(ctx, min(max(time.Until(p.next), shortNap), longNap)) {
			return
		}
		for due := p.due(time.Now()); due > 0 && len(going) > 0; going = going[1:] {
			if m.send(ctx, going[0]) {
				count++
				due--
			}
		}
	}
	moved(count)
	nap(ctx, comeback)
}

// drawn are the clients that go, those of all nodes mixed.
func (m *Moves) drawn(reliefs []balancer.Relief) (going []*Client) {
	for _, r := range reliefs {
		going = append(going, m.live.sample(r.Node, r.Clients)...)
	}
	rand.Shuffle(len(going), func(i, j int) { going[i], going[j] = going[j], going[i] })
	return going
}

// send moves one client, unless it has gone, or its node is being emptied, or
// nobody else can take it.
func (m *Moves) send(ctx context.Context, c *Client) bool {
	n := m.live.at(c)
	s := m.pool.Status(n)
	if !s.Up || s.Drain != nil || s.Removed || !m.pool.CanMove(n) || !m.live.claim(c) {
		return false
	}
	told := relay.Close{Code: pusher.CodeMove, Reason: "rebalanced", By: relay.ByRebalance}
	if s, ok := c.Relay.(Session); ok {
		m.live.setAside(c)
		m.transfer(ctx, c, s, parting{Move: Move{By: relay.ByRebalance}, from: n, told: told})
		return true
	}
	m.pool.Shed(n, 1)
	c.close(told)
	return true
}

// nap sleeps, and is false when ctx has ended.
func nap(ctx context.Context, d time.Duration) bool {
	clock := time.NewTimer(d)
	defer clock.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-clock.C:
		return true
	}
}
