package app

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/proxy"
)

// App is what the admin API steers.
var _ admin.Control = (*App)(nil)

// Nodes implements admin.Control.
func (a *App) Nodes() []admin.Node {
	var nodes []admin.Node
	for _, n := range a.pool.Nodes() {
		nodes = append(nodes, view(n))
	}
	return nodes
}

// view is a node as the API shows it.
func view(n balancer.Status) admin.Node {
	v := admin.Node{
		Name: n.Name, URL: "http://" + n.Address, Health: "down", Reason: n.Reason, State: "ready",
		Connections: n.Connections, MaxConnections: n.MaxConnections, Weight: n.Weight,
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
			Started: d.Started, Deadline: d.Deadline, Rate: d.Rate, CloseCode: d.CloseCode,
			Initial: d.Initial, Remaining: n.Connections,
		}
	case n.Removed:
		v.State, v.Reason = "draining", "removed from the configuration"
	}
	return v
}

// Drain implements admin.Control.
func (a *App) Drain(name string, request admin.DrainRequest) (admin.Node, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if request.DryRun {
		if err := a.pool.CheckDrain(name, request.Force); err != nil {
			return admin.Node{}, controlError(err)
		}
		n, err := a.pool.Node(name)
		return view(n), controlError(err)
	}
	n, err := a.pool.Drain(name, newDrain(request, a.config.Drain, time.Now()))
	if err != nil {
		return admin.Node{}, controlError(err)
	}
	a.rememberDrains()
	a.tell("drain", name, fmt.Sprintf("%d clients to move", n.Connections),
		zap.Int("rate", n.Drain.Rate), zap.Time("deadline", n.Drain.Deadline), zap.Bool("force", n.Drain.Force))
	a.settle(n, a.config.Drain)
	return view(n), nil
}

// Undrain implements admin.Control.
func (a *App) Undrain(name string) (admin.Node, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, err := a.pool.Node(name)
	if err != nil || before.Drain == nil {
		return view(before), controlError(err)
	}
	n, err := a.pool.Undrain(name)
	if err != nil {
		return admin.Node{}, controlError(err)
	}
	a.rememberDrains()
	a.tell("undrain", name, "takes clients again")
	a.settle(n, a.config.Drain)
	return view(n), nil
}

// newDrain fills what a request leaves open from the configuration.
func newDrain(r admin.DrainRequest, o proxy.DrainOptions, now time.Time) balancer.Drain {
	grace := pick(r.Grace, admin.Duration(o.Grace))
	deadline := pick(r.Deadline, admin.Duration(o.Deadline))
	return balancer.Drain{
		Started:   now,
		Begin:     now.Add(time.Duration(grace)),
		Deadline:  now.Add(time.Duration(max(grace, deadline))),
		Rate:      pick(r.Rate, o.Rate),
		CloseCode: pick(r.CloseCode, o.CloseCode),
		Force:     r.Force,
	}
}

func pick[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// controlError gives the pool's errors the meaning that the API knows.
func controlError(err error) error {
	switch {
	case errors.Is(err, balancer.ErrUnknownNode):
		return fmt.Errorf("%w: %w", admin.ErrUnknownNode, err)
	case errors.Is(err, balancer.ErrLastNode):
		return fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	return err
}

// Explain implements admin.Control.
func (a *App) Explain(ip netip.Addr, cookie string) admin.Explanation {
	key := balancer.Key{IP: ip}
	if cookie != "" {
		key.Pins = []string{cookie}
	}
	p, err := a.pool.Explain(key)
	if err != nil {
		return admin.Explanation{Reason: err.Error()}
	}
	return admin.Explanation{Node: p.Node.Name(), Reason: p.Explain(cookie != "" && a.pool.Pin(p.Node) != "")}
}

// Ready implements admin.Control.
func (a *App) Ready() bool { return !a.stopping.Load() && a.pool.Usable() }
