package app

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/proxy/moves"
)

// App is what the admin API steers.
var _ admin.Control = (*App)(nil)

// Nodes implements admin.Control.
func (a *App) Nodes() []admin.Node {
	var nodes []admin.Node
	apps := make(map[string]map[string]int)
	for _, t := range a.handler.Tallies() {
		apps[t.Node] = t.Apps
	}
	for _, n := range a.pool.Nodes() {
		v := a.view(n)
		v.Apps, v.Loop = apps[n.Name], a.checks.loop(n.Name).Seconds()
		a.delivery.show(&v)
		nodes = append(nodes, v)
	}
	return nodes
}

// view is a node as the API shows it.
func (a *App) view(n balancer.Status) admin.Node {
	v := admin.Node{
		Name: n.Name, URL: "http://" + n.Address, Health: "down", Reason: n.Reason, State: "ready",
		Connections: n.Connections, MaxConnections: n.MaxConnections, Weight: n.Weight,
		Checked: n.Checked, Avoided: n.Avoided,
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
	return v
}

// outcome is what has become of a node's clients, as the API shows it.
func (a *App) outcome(n balancer.Status) admin.Outcome {
	o := a.moves.Outcome(n.Node)
	return admin.Outcome{Moved: o.Moved, Closed: o.ClosedAll(), ClosedBecause: o.Closed, Text: o.String()}
}

// Drain implements admin.Control.
func (a *App) Drain(name string, request admin.DrainRequest) (admin.Node, error) {
	if request.DryRun {
		return a.rehearse(name, request)
	}
	loads, _ := a.pool.Forecast(name, balancer.Drain{})
	n, save, err := a.drain(name, request)
	if err != nil {
		return admin.Node{}, controlError(err)
	}
	v := a.view(n)
	v.Warning = both(a.saved("drain", save), crowded(loads))
	return v, nil
}

func (a *App) drain(name string, request admin.DrainRequest) (n balancer.Status, save func() error, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n, err = a.pool.Node(name); err != nil {
		return n, nil, err
	}
	running := n.Drain
	if n, err = a.pool.Drain(name, newDrain(request, running, a.config.Drain, time.Now())); err != nil {
		return n, nil, err
	}
	if running == nil {
		a.moves.Forget(n.Node)
	}
	a.tellDrain(n)
	a.settleChecked()
	a.settle(n, a.config.Drain)
	return n, a.drainsNow(), nil
}

func (a *App) tellDrain(n balancer.Status) {
	todo := "move"
	if n.Drain.Close {
		todo = "close"
	}
	a.tell("drain", n.Name, fmt.Sprintf("%d clients to %s", n.Connections, todo), zap.Int("rate", n.Drain.Rate),
		zap.Time("deadline", n.Drain.Deadline), zap.Bool("force", n.Drain.Force), zap.Bool("close", n.Drain.Close))
}

// rehearse says what a drain would do.
func (a *App) rehearse(name string, request admin.DrainRequest) (admin.Node, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := a.pool.Node(name)
	if err != nil {
		return admin.Node{}, controlError(err)
	}
	loads, err := a.pool.Forecast(name, newDrain(request, n.Drain, a.config.Drain, time.Now()))
	v := a.view(n)
	v.Forecast, v.Warning = forecast(loads), crowded(loads)
	return v, controlError(err)
}

// Undrain implements admin.Control.
func (a *App) Undrain(name string) (admin.Node, error) {
	n, save, err := a.undrain(name)
	if err != nil {
		return admin.Node{}, controlError(err)
	}
	v := a.view(n)
	v.Warning = a.saved("undrain", save)
	return v, nil
}

// undrain has something to save for a node that is ready, too: it may not have
// been saved before.
func (a *App) undrain(name string) (n balancer.Status, save func() error, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, err := a.pool.Node(name)
	if err != nil || before.Drain == nil {
		return before, a.drainsNow(), err
	}
	if n, err = a.pool.Undrain(name); err != nil {
		return n, nil, err
	}
	a.tell("undrain", name, "takes clients again")
	a.settleChecked()
	a.settle(n, a.config.Drain)
	return n, a.drainsNow(), nil
}

// newDrain is the drain that is running, or else the configuration's, with
// what the request changes.
func newDrain(r admin.DrainRequest, running *balancer.Drain, o moves.DrainOptions, now time.Time) balancer.Drain {
	d := balancer.Drain{Started: now, Begin: now.Add(o.Grace), Deadline: now.Add(o.Deadline), Rate: o.Rate, CloseCode: o.CloseCode}
	if running != nil {
		d = *running
	}
	if r.Grace != nil {
		d.Begin = now.Add(time.Duration(*r.Grace))
	}
	if r.Deadline != nil {
		d.Deadline = now.Add(time.Duration(*r.Deadline))
	}
	if d.Deadline.Before(d.Begin) {
		d.Deadline = d.Begin
	}
	d.Rate, d.CloseCode = pick(r.Rate, d.Rate), pick(r.CloseCode, d.CloseCode)
	d.Force = d.Force || r.Force
	d.Close = pick(r.Close, d.Close)
	d.MinUsable = o.MinUsable
	return d
}

func pick[T any](given *T, otherwise T) T {
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
	case errors.Is(err, balancer.ErrLastNode), errors.Is(err, balancer.ErrTooFewNodes), errors.Is(err, balancer.ErrNoRoom):
		return fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	return err
}

// Ready implements admin.Control.
func (a *App) Ready() bool { return !a.stopping.Load() && a.pool.Usable() }
