package app

import (
	"fmt"

	"go.uber.org/zap"

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
	if len(a.roll) > 0 {
		return admin.Rebalance{}, fmt.Errorf("%w: a roll is under way (%s)", admin.ErrRefused, rollText(a.roll))
	}
	reliefs, loads := a.pool.PlanRebalance(pick(request.Skew, defaultSkew))
	plan := admin.Rebalance{Rate: pick(request.Rate, defaultRebalanceRate), Forecast: forecast(loads)}
	for _, r := range reliefs {
		plan.Clients += r.Clients
	}
	if request.DryRun || plan.Clients == 0 {
		return plan, nil
	}
	a.tell("rebalance", "", fmt.Sprintf("%d clients to move", plan.Clients), zap.Int("rate", plan.Rate))
	a.handler.Rebalance(reliefs, plan.Rate, func(moved int) {
		a.tell("rebalanced", "", fmt.Sprintf("%d clients moved", moved))
	})
	return plan, nil
}
