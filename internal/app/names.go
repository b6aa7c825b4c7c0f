package app

import (
	"go.uber.org/zap"

	"fermata/internal/names"
)

// found is told of each look-up of a node's name. One that fails is no failed
// check: the node stays where it was.
func (a *App) found(node string, at target, answer names.Answer) {
	a.metrics.LookedUp(answer.Err == nil)
	addresses := withPort(answer.Addresses, at.port)
	about := []zap.Field{zap.String("node", node), zap.String("name", at.host), zap.Stringers("addresses", addresses)}
	if answer.Err != nil {
		a.lookups.warn(a.log, "node's name not found, what is known of its addresses stays", append(about, zap.NamedError("err", answer.Err))...)
	}
	if answer.Changed {
		a.pool.SetAddresses(node, at.hostPort(), addresses)
		a.log.Info("node has these addresses", about...)
	}
}
