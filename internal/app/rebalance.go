package app

import (
	"fmt"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/cluster"
)

// What a rebalance is where its request does not say it.
const (
	defaultSkew          = 0.1
	defaultRebalanceRate = 20
)

// Rebalance implements admin.Control.
func (a *App) Rebalance(request admin.RebalanceRequest) (plan admin.Rebalance, err error) {
	if request.DryRun {
		a.mu.Lock()
		defer a.mu.Unlock()
		_, plan, err = a.planRebalance(request)
		plan.Warning = stale(a.council.View())
		return plan, err
	}
	err = a.decide(request.Local, func(v cluster.View, s *cluster.State) error {
		var reliefs []balancer.Relief
		if reliefs, plan, err = a.planRebalance(request); err == nil && plan.Clients > 0 {
			s.Rebalance = a.newRebalance(v, reliefs, plan.Rate, false)
		}
		return err
	})
	plan.Warning = a.toldLater()
	return plan, err
}

// planRebalance is for all members together. mu is held.
func (a *App) planRebalance(request admin.RebalanceRequest) ([]balancer.Relief, admin.Rebalance, error) {
	if roll := a.pool.Avoided(); len(roll) > 0 {
		return nil, admin.Rebalance{}, fmt.Errorf("%w: a roll is under way (%s)", admin.ErrRefused, rollText(roll))
	}
	reliefs, loads := a.pool.PlanRebalance(or(request.Skew, defaultSkew))
	return reliefs, admin.Rebalance{Clients: sumOf(reliefs), Rate: or(request.Rate, defaultRebalanceRate), Forecast: forecast(loads)}, nil
}

func (a *App) newRebalance(v cluster.View, reliefs []balancer.Relief, rate int, unasked bool) cluster.Rebalance {
	r := cluster.Rebalance{Stamp: a.council.Stamp(), Clients: make(map[string]int), Rate: rate, Unasked: unasked, From: selfName(v)}
	for _, relief := range reliefs {
		r.Clients[relief.Node.Name()] = relief.Clients
	}
	return r
}

// rebalance begins one; why follows what is told of it.
func (a *App) rebalance(reliefs []balancer.Relief, rate int, why string) {
	a.tell("rebalance", "", fmt.Sprintf("%d clients to move%s", sumOf(reliefs), why), zap.Int("rate", rate))
	a.moves.Rebalance(reliefs, rate, func(moved int) {
		a.unasked.Store(false)
		a.tell("rebalanced", "", fmt.Sprintf("%d clients moved", moved))
	})
}

// sumOf is how many clients are to move.
func sumOf(reliefs []balancer.Relief) (clients int) {
	for _, r := range reliefs {
		clients += r.Clients
	}
	return clients
}
