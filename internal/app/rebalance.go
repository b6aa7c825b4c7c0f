package app

import (
	"fmt"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
)

// What a rebalance is where its request does not say it.
const (
	defaultSkew          = 0.1
	defaultRebalanceRate = 20
)

// Rebalance implements admin.Control.
func (a *App) Rebalance(request admin.RebalanceRequest) (admin.Rebalance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if roll := a.pool.Avoided(); len(roll) > 0 {
		return admin.Rebalance{}, fmt.Errorf("%w: a roll is under way (%s)", admin.ErrRefused, rollText(roll))
	}
	reliefs, loads := a.pool.PlanRebalance(or(request.Skew, defaultSkew))
	plan := admin.Rebalance{Clients: sum(reliefs), Rate: or(request.Rate, defaultRebalanceRate), Forecast: forecast(loads)}
	if request.DryRun || plan.Clients == 0 {
		return plan, nil
	}
	a.unasked.Store(false)
	a.rebalance(reliefs, plan.Rate, "")
	return plan, nil
}

// rebalance begins one; why follows what is told of it.
func (a *App) rebalance(reliefs []balancer.Relief, rate int, why string) {
	a.tell("rebalance", "", fmt.Sprintf("%d clients to move%s", sum(reliefs), why), zap.Int("rate", rate))
	a.moves.Rebalance(reliefs, rate, func(moved int) {
		a.unasked.Store(false)
		a.tell("rebalanced", "", fmt.Sprintf("%d clients moved", moved))
	})
}

// sum is how many clients are to move.
func sum(reliefs []balancer.Relief) (clients int) {
	for _, r := range reliefs {
		clients += r.Clients
	}
	return clients
}
