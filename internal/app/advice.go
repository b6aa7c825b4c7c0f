package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"fermata/health"
)

// adviseAfter gives nodes that start with Fermata some time.
const adviseAfter = 5 * time.Second

// adviseChecks says once, at the start, if the nodes could be checked by more
// than a connect, which a frozen node passes. One node that answers is enough to
// say it.
func (a *App) adviseChecks(ctx context.Context, o health.Options) {
	if o.Type != health.TypeTCP {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(adviseAfter):
	}
	for _, n := range a.pool.Nodes() {
		if a.checks.answers(ctx, n.Name) {
			a.log.Info("health.type http would see more than tcp", zap.String("node", n.Name),
				zap.String("reason", "it answers GET "+o.PathPrefix+o.HTTP.Path+", and over tcp a frozen node looks well until clients wait for it; type reverb checks the WebSocket, too"))
			return
		}
	}
}
