package app

import (
	"net"

	"go.uber.org/zap"

	"fermata/internal/shortage"
)

// shortages are the log lines for what this machine has run out of, and for what
// it could not check.
type shortages struct{ checks, delivery, accepts, operators *seldom }

func newShortages() shortages { return shortages{newSeldom(), newSeldom(), newSeldom(), newSeldom()} }

// notChecked is told of a check that could not be made: what is known of the
// node stays.
func (a *App) notChecked(node string, err error) {
	resource := shortage.Of(err)
	a.metrics.DialShort(resource)
	a.shortages.checks.warn(a.log, "node not checked for want of something of our own, its state stays",
		zap.String("node", node), zap.String("short_of", resource), zap.NamedError("err", err))
}

// notAccepted is told of a connection that could not be accepted.
func (a *App) notAccepted(address net.Addr, err error) {
	a.metrics.AcceptFailed()
	a.shortages.accepts.warn(a.log, "connection not accepted, trying again",
		zap.Stringer("address", address), zap.String("short_of", shortage.Of(err)), zap.NamedError("err", err))
}

// crowded is told of a connection to the admin endpoint that was cut, since there
// are more than it may have.
func (a *App) crowded(peer net.Addr, most int) {
	a.shortages.operators.warn(a.log, "too many connections to the admin endpoint, silent and old ones are closed",
		zap.Stringer("peer", peer), zap.Int("allowed", most))
}

// steady is l, but a connection that cannot be accepted does not end its server.
func (a *App) steady(l net.Listener) net.Listener {
	return shortage.Listener(l, func(err error) { a.notAccepted(l.Addr(), err) })
}
