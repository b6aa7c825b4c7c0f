package app

import (
	"errors"
	"fmt"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/proxy/moves"
)

// App is what the admin API steers.
var _ admin.Control = (*App)(nil)

// Nodes implements admin.Control.
func (a *App) Nodes(local bool) admin.NodeList {
	view := a.council.View()
	list := admin.NodeList{Cluster: a.clusterOf(view), Certificates: a.acmeCertificates(), Predecessors: a.predecessorsShown()}
	if !inCluster(view) || local {
		list.Nodes = a.nodesHere(view)
		return list
	}
	for _, n := range a.pool.Nodes() {
		v := a.viewOfAll(view, n)
		a.delivery.show(&v)
		list.Nodes = append(list.Nodes, v)
	}
	return list
}

// nodesHere are the nodes as this Fermata alone has them.
func (a *App) nodesHere(view cluster.View) (nodes []admin.Node) {
	apps := make(map[string]map[string]int)
	for _, t := range a.handler.Tallies() {
		apps[t.Node] = t.Apps
	}
	for _, n := range a.pool.Nodes() {
		v := a.viewHere(view, n)
		v.Apps = apps[n.Name]
		a.delivery.show(&v)
		nodes = append(nodes, v)
	}
	return nodes
}

// viewHere is view where only this member's clients are asked for.
func (a *App) viewHere(view cluster.View, n balancer.Status) admin.Node {
	v := a.view(n)
	if v.Drain != nil && inCluster(view) {
		v.Drain.Initial = hadHere(*v.Drain, a.moves.Leaving(n.Node))
	}
	return v
}

// hadHere is how many clients of this member a drain began with, or got since. Those
// that are leaving are among the closed and the remaining.
func hadHere(d admin.Drain, leaving int) int { return d.Remaining + d.Moved + d.Closed - leaving }

// view is a node as the API shows it.
func (a *App) view(n balancer.Status) admin.Node {
	v := admin.Node{
		Name: n.Name, URL: n.URL.String(), Health: "down", Reason: n.Reason, State: "ready",
		Connections: n.Connections, MaxConnections: n.MaxConnections, Weight: n.Weight,
		Checked: n.Checked, Loop: n.Loop.Seconds(), Avoided: n.Avoided,
	}
	if n.Up {
		v.Health = "up"
	}
	switch d := n.Drain; {
	case d != nil:
		v.State = "draining"
		if n.Connections == 0 {
			v.State = "drained"
		}
		v.Drain = &admin.Drain{
			Started: d.Started, Begin: d.Begin, Deadline: d.Deadline, Rate: d.Rate, CloseCode: d.CloseCode,
			Initial: d.Initial, Remaining: n.Connections, Force: d.Force, Close: d.Close, Outcome: a.outcome(n),
		}
	case n.Removed:
		v.State, v.Reason, v.Moves = "draining", "removed from the configuration", new(a.outcome(n))
	case n.Lost:
		v.Moves = new(a.outcome(n))
	}
	a.showOrigin(&v)
	return v
}

// outcome is what has become of a node's clients, as the API shows it.
func (a *App) outcome(n balancer.Status) admin.Outcome {
	return shownOutcome(a.moves.Outcome(n.Node))
}

func shownOutcome(o moves.Outcome) admin.Outcome {
	return admin.Outcome{Moved: o.Moved, Closed: o.ClosedAll(), ClosedBecause: o.Closed, Text: o.String()}
}

// or is what a request gives, or otherwise that.
func or[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// forecast is what the API calls that.
func forecast(loads []balancer.Load) []admin.Load {
	all := []admin.Load{}
	for _, l := range loads {
		all = append(all, admin.Load(l))
	}
	return all
}

// meaning is an error that is also another one, without its words.
type meaning struct {
	error
	also error
}

func (m meaning) Is(target error) bool { return target == m.also }

// controlError gives the pool's errors the meaning that the API knows.
func controlError(err error) error {
	switch {
	case errors.Is(err, balancer.ErrUnknownNode):
		return meaning{err, admin.ErrUnknownNode}
	case errors.Is(err, cluster.ErrAway):
		return meaning{err, admin.ErrAway}
	case errors.Is(err, cluster.ErrLed), errors.Is(err, balancer.ErrLastNode), errors.Is(err, balancer.ErrTooFewNodes), errors.Is(err, balancer.ErrNoRoom):
		return fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	return err
}
