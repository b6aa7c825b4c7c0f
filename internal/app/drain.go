package app

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/proxy/moves"
)

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
	a.moveOrStay(n)
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
func (a *App) Undrain(name string, _ admin.UndrainRequest) (admin.Node, error) {
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
	_, waits := a.awaited[name]
	delete(a.awaited, name)
	before, err := a.pool.Node(name)
	if err != nil && waits {
		return balancer.Status{Name: name, Reason: "not found now"}, a.drainsNow(), nil
	}
	if err != nil || before.Drain == nil {
		return before, a.drainsNow(), err
	}
	if n, err = a.pool.Undrain(name); err != nil {
		return n, nil, err
	}
	a.tell("undrain", name, "takes clients again")
	a.settleChecked()
	a.moveOrStay(n)
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
	d.Rate, d.CloseCode = or(r.Rate, d.Rate), or(r.CloseCode, d.CloseCode)
	d.Force = d.Force || r.Force
	d.Close = or(r.Close, d.Close)
	d.MinUsable = o.MinUsable
	return d
}
