package app

import (
	"fmt"

	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/pusher"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

func moveOptions(c *config.Config) moves.Options {
	return moves.Options{Answer: c.Timeouts.Close, MaxAge: c.Limits.MaxAge, Rate: c.Drain.Rate}
}

// moveOrStay makes the clients of a node go or stay, as its state wants it.
func (a *App) moveOrStay(n balancer.Status) {
	switch {
	case n.Drain != nil:
		a.moves.Move(n.Node, a.tracedDrain(n, a.drainMove(n, *n.Drain, "node is draining")), func() { a.drained(n) })
	case n.Removed:
		if !n.Lost {
			a.moves.Forget(n.Node)
		}
		a.moves.Move(n.Node, a.tracedDrain(n, a.removedMove(n)), func() { a.drained(n) })
	case n.Lost:
		a.moves.Move(n.Node, a.lostMove(n), nil)
	default:
		a.moves.Stay(n.Node)
		a.drains.stay(n.Node)
		a.moves.Forget(n.Node)
	}
}

func (a *App) drainMove(n balancer.Status, d balancer.Drain, reason string) moves.Move {
	return moves.Move{
		By: relay.ByDrain, Code: d.CloseCode, Reason: reason,
		Begin: d.Begin, Rate: d.Rate, Deadline: d.Deadline, Alone: d.Force, Close: d.Close, Share: a.rateShare(n.Name),
	}
}

// removedMove is for a node that a reload took out of the configuration: it drains
// as if nobody had asked for anything particular.
func (a *App) removedMove(n balancer.Status) moves.Move {
	return a.drainMove(n, newDrain(admin.DrainRequest{}, nil, a.config.Drain, time.Now()), "node was removed")
}

// lostMove is for a node whose check fails, maybe because it is frozen: its
// clients go while another node can take them, and stay while none can.
// They are cut off already, so that they go as fast as another node takes them.
func (a *App) lostMove(n balancer.Status) moves.Move {
	return moves.Move{
		By: relay.ByNodeLost, Code: pusher.CodeMove, Reason: "node lost", Rate: a.config.Limits.UpgradesPerSecond, Share: a.rateShare(n.Name),
	}
}

// drained is told when a node's last client has gone, which is also the end of
// a node that a reload has removed.
func (a *App) drained(n balancer.Status) {
	_, err := a.pool.Node(n.Name)
	gone, outcome := lastGone(a.council.View(), n), a.moves.Outcome(n.Node)
	if err != nil {
		gone += ", and it was removed"
	}
	if told := outcome.String(); told != "" {
		gone += "; " + told
	}
	a.drains.drained(n.Node, outcome)
	a.tell("drained", n.Name, gone, zap.Int("moved", outcome.Moved), zap.Int("closed", outcome.ClosedAll()))
	if err != nil {
		a.forget(n)
		a.leftForGood(n.Name)
	}
}

// lastGone says whose last client has gone from a node.
func lastGone(v cluster.View, n balancer.Status) string {
	if !inCluster(v) {
		return "its last client has gone"
	}
	text := fmt.Sprintf("the last client of %s has gone", selfName(v))
	if left := connections(v, balancer.Status{Name: n.Name}); left > 0 {
		text += fmt.Sprintf(", other members have %d", left)
	}
	return text
}

// leftForGood is for a node that has left the pool. One that may be found again
// keeps its drain for a while.
func (a *App) leftForGood(node string) {
	a.mu.Lock()
	may := mayFind(a.config.Nodes, node)
	a.mu.Unlock()
	if !may {
		a.dropDecision(node)
	}
}

// forget drops what is kept about a node that has left the pool.
func (a *App) forget(n balancer.Status) {
	a.metrics.Forget(n.Name)
	a.handler.Forget(n.Node)
	a.moves.Forget(n.Node)
}
