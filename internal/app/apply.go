package app

import (
	"maps"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/cluster"
)

// applied is how far this Fermata has gone in what is decided. Guarded by App.mu.
type applied struct {
	nodes     map[*balancer.Node]cluster.Stamp
	rebalance cluster.Stamp
	known     cluster.State // all of it
	serving   bool          // it was heard before, so that what comes is new
	away      bool          // it was told that Redis is
	part      bool          // hasPart is closed
	shared    bool          // the nodes, with other members or processes
}

// apply does what is decided. It is called with each view, one call at a time.
func (a *App) apply(v cluster.View) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noteRedis(v)
	a.shareNodes(v)
	a.applyDrains(v)
	a.applyRoll(v)
	a.applyRebalance(v)
	a.rememberOthers(v)
	a.applied.known = v.State
	a.unlearn(v)
}

// applyDrains drains and undrains the nodes of which something newer is decided
// than was done, or that are new here. mu is held.
func (a *App) applyDrains(v cluster.View) {
	nodes := make(map[*balancer.Node]cluster.Stamp)
	for _, n := range a.pool.Nodes() {
		done := a.applied.nodes[n.Node]
		if d, decided := v.State.Nodes[n.Name]; decided && d.Stamp.After(done) {
			a.applyDrain(v, n, d)
			done = d.Stamp
		}
		nodes[n.Node] = done
	}
	a.applied.nodes = nodes
	a.noteMissing(v, time.Now())
}

func (a *App) applyDrain(v cluster.View, n balancer.Status, d cluster.Decision) {
	var err error
	switch before := n.Drain; {
	case d.Drain != nil:
		if before == nil {
			a.moves.Forget(n.Node)
		}
		if n, err = a.drainAnyhow(n.Name, here(*d.Drain, v)); err == nil {
			from := by(v, d.Stamp, d.From)
			a.tellDrain(n, from)
			a.warnTooFew(n, from)
		}
	case before != nil:
		if n, err = a.pool.Undrain(n.Name); err == nil {
			a.tell("undrain", n.Name, "takes clients again"+by(v, d.Stamp, d.From))
		}
	default:
		return
	}
	if err != nil { // it has just left the pool
		return
	}
	a.settleChecked()
	a.moveOrStay(n)
}

// warnTooFew tells of drains that no single Fermata would have allowed: two that did
// not hear each other have decided them. mu is held.
func (a *App) warnTooFew(n balancer.Status, by string) {
	left, want := len(a.pool.UsableBeside(nil)), max(1, a.config.Drain.MinUsable)
	if by == "" || n.Drain.Force || !n.Up || left >= want {
		return
	}
	a.log.Warn("too few usable nodes are left, drains were decided apart: undrain one", zap.String("node", n.Name),
		zap.Int("usable", left), zap.Int("want", want))
}

// here is a drain with its times by this machine's clock.
func here(d balancer.Drain, v cluster.View) balancer.Drain {
	d.Started, d.Begin, d.Deadline = d.Started.Add(-v.Offset), d.Begin.Add(-v.Offset), d.Deadline.Add(-v.Offset)
	return d
}

// by says which other Fermata has decided something; empty: this one has.
func by(v cluster.View, s cluster.Stamp, from string) string {
	if s.By == v.Self || from == "" {
		return ""
	}
	return ", by " + from
}

// drainAnyhow asks twice: that it is allowed is decided, and once it is draining it
// can be as it was asked for.
func (a *App) drainAnyhow(name string, d balancer.Drain) (balancer.Status, error) {
	forced := d
	forced.Force = true
	if n, err := a.pool.Drain(name, forced); err != nil {
		return n, err
	}
	return a.pool.Drain(name, d)
}

// applyRoll avoids the nodes that a roll has still to drain. mu is held.
func (a *App) applyRoll(v cluster.View) {
	roll := v.State.Roll
	if slices.Equal(roll.Nodes, a.pool.Avoided()) {
		return
	}
	a.pool.Avoid(roll.Nodes)
	if a.applied.serving {
		a.tell("roll", "", rollText(roll.Nodes)+by(v, roll.Stamp, roll.From))
	}
}

// lateRebalance is how old a rebalance may be that this Fermata takes part in.
const lateRebalance = 30 * time.Second

// applyRebalance begins this Fermata's part of a rebalance. mu is held.
func (a *App) applyRebalance(v cluster.View) {
	r := v.State.Rebalance
	if !r.Stamp.After(a.applied.rebalance) {
		return
	}
	a.applied.rebalance = r.Stamp
	if r.Unasked {
		a.occasion.use()
	}
	reliefs, rate := a.partOf(v, r)
	if len(reliefs) == 0 || a.council.Now().Sub(time.UnixMilli(r.Stamp.At)) > lateRebalance {
		return
	}
	a.unasked.Store(r.Unasked)
	why := by(v, r.Stamp, r.From)
	if r.Unasked {
		why = ", as nodes have come back or were added"
	}
	a.rebalance(reliefs, rate, why)
}

// partOf is what this Fermata sheds in a rebalance of all, and how fast: at each node
// as much as it has of the clients there.
func (a *App) partOf(v cluster.View, r cluster.Rebalance) (reliefs []balancer.Relief, rate int) {
	mine, all := 0, 0
	for _, name := range slices.Sorted(maps.Keys(r.Clients)) {
		all += r.Clients[name]
		n, err := a.pool.Node(name)
		if err != nil {
			continue
		}
		part := r.Clients[name]
		if inCluster(v) {
			part = int(math.Round(float64(part) * v.Share(name)))
		}
		if part > 0 {
			mine += part
			reliefs = append(reliefs, balancer.Relief{Node: n.Node, Clients: part})
		}
	}
	if r.Rate == 0 || mine == 0 {
		return reliefs, r.Rate
	}
	return reliefs, max(1, r.Rate*mine/all)
}

// rememberOthers writes down what others have decided: who decides here sees to it,
// so that the answer can tell whether it is safe. From the stop on, whoever comes next
// hears it from the others. mu is held.
func (a *App) rememberOthers(v cluster.View) {
	if a.running == nil || a.running.Err() != nil { // nobody may join whom the stop waits for
		return
	}
	before := a.applied.known
	for name, d := range v.State.Nodes {
		if d.Stamp != before.Nodes[name].Stamp && d.Stamp.By != v.Self {
			save := a.drainsNow(v)
			a.checks.wg.Go(func() { a.saved("drains", save) })
			break
		}
	}
	if roll := v.State.Roll; roll.Stamp != before.Roll.Stamp && roll.Stamp.By != v.Self && !slices.Equal(roll.Nodes, before.Roll.Nodes) {
		save := a.state.roll.snapshot(roll.Nodes)
		a.checks.wg.Go(func() { a.saved("roll", save) })
	}
}
