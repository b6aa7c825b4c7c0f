package app

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/proxy/moves"
)

// decideWithin bounds how long a command waits for the others.
const decideWithin = 5 * time.Second

// decide has change work on what is decided, with mu held and the pool as the others
// have left it.
func (a *App) decide(local bool, change func(cluster.View, *cluster.State) error) error {
	return a.decideWithin(decideWithin, local, change)
}

// unaskedWithin bounds how long a decision takes that no command asks for, as a stop
// waits for it.
const unaskedWithin = 300 * time.Millisecond

// decideUnasked is decide where no command asks for it. What keeps it from that is
// told, or over in a moment.
func (a *App) decideUnasked(change func(cluster.View, *cluster.State) error) {
	if a.council.View().Away == nil {
		a.decideWithin(unaskedWithin, false, change)
	}
}

func (a *App) decideWithin(limit time.Duration, local bool, change func(cluster.View, *cluster.State) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	defer a.tellPredecessors(false)
	return controlError(a.council.Decide(ctx, local, func(v cluster.View, s *cluster.State) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		return change(v, s)
	}))
}

// Drain implements admin.Control.
func (a *App) Drain(name string, request admin.DrainRequest) (admin.Node, error) {
	if request.DryRun {
		return a.rehearse(name, request)
	}
	loads, _ := a.pool.Forecast(name, balancer.Drain{})
	err := a.decide(request.Local, func(v cluster.View, s *cluster.State) error { return a.addDrain(v, s, name, request) })
	if err != nil {
		return admin.Node{}, err
	}
	return a.answer(name, request.Local, both(both(a.savedDrains("drain"), a.toldLater()), crowded(loads)))
}

// addDrain is the part of Drain that is decided.
func (a *App) addDrain(v cluster.View, s *cluster.State, name string, request admin.DrainRequest) error {
	n, err := a.pool.Node(name)
	if err != nil {
		return err
	}
	if err := mayAct(s.Roll, request.Fence); err != nil {
		return err
	}
	running := s.Nodes[name].Drain
	d := newDrain(request, running, a.config.Drain, a.council.Now())
	if _, err := a.pool.Forecast(name, d); err != nil {
		return err
	}
	if running == nil {
		d.Initial = connections(v, n)
	}
	setDecision(s, name, cluster.Decision{Stamp: a.council.Stamp(), Drain: &d, From: selfName(v)})
	return nil
}

func setDecision(s *cluster.State, node string, d cluster.Decision) {
	if s.Nodes == nil {
		s.Nodes = make(map[string]cluster.Decision)
	}
	s.Nodes[node] = d
}

// answer is a node after a command.
func (a *App) answer(name string, local bool, warning string) (admin.Node, error) {
	n, err := a.pool.Node(name)
	if err != nil { // one that was draining, and may be found again
		return admin.Node{Name: name, Reason: "not found now", State: admin.StateReady, Warning: warning}, nil
	}
	view := a.council.View()
	v := a.viewOfAll(view, n)
	if local {
		v = a.viewHere(view, n)
	}
	v.Warning = warning
	return v, nil
}

func (a *App) tellDrain(n balancer.Status, by string) {
	if !a.applied.serving {
		a.log.Info("still draining, as before the restart", zap.String("node", n.Name))
		return
	}
	todo := "move"
	if n.Drain.Close {
		todo = "close"
	}
	a.tell("drain", n.Name, fmt.Sprintf("%d clients to %s%s", n.Connections, todo, by), zap.Int("rate", n.Drain.Rate),
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
	view := a.council.View()
	loads, err := a.pool.Forecast(name, newDrain(request, n.Drain, a.config.Drain, time.Now()))
	v := a.viewOfAll(view, n)
	v.Forecast, v.Warning = forecast(loads), both(stale(view), crowded(loads))
	return v, controlError(err)
}

// Undrain implements admin.Control.
func (a *App) Undrain(name string, request admin.UndrainRequest) (admin.Node, error) {
	err := a.decide(request.Local, func(v cluster.View, s *cluster.State) error {
		drains := s.Nodes[name].Drain != nil
		if _, err := a.pool.Node(name); err != nil && !drains {
			return err
		}
		if err := mayAct(s.Roll, request.Fence); err != nil {
			return err
		}
		if drains {
			setDecision(s, name, cluster.Decision{Stamp: a.council.Stamp(), From: selfName(v)})
		}
		return nil
	})
	if err != nil {
		return admin.Node{}, err
	}
	warning := both(a.savedDrains("undrain"), a.toldLater()) // of a node that is ready, too: it may not have been saved before
	return a.answer(name, request.Local, warning)
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
	d.Rate, d.CloseCode = or(r.Rate, d.Rate), or(r.CloseCode, d.CloseCode)
	d.Force = d.Force || r.Force
	d.Close = or(r.Close, d.Close)
	d.MinUsable = o.MinUsable
	return d
}
