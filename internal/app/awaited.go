package app

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/config"
)

// awaited are the drains of nodes that are not there, and may be found: after a
// restart before the first answer, or since they have disappeared. By the node's
// name; guarded by App.mu.
type awaited map[string]awaitedDrain

type awaitedDrain struct {
	balancer.Drain
	until time.Time
}

// awaitedFor is how long. Somebody else can have its address later.
const awaitedFor = time.Hour

func (w awaited) keep(node string, d balancer.Drain, now time.Time) {
	w[node] = awaitedDrain{d, now.Add(awaitedFor)}
}

// valid drops those that are too old.
func (w awaited) valid(now time.Time) awaited {
	maps.DeleteFunc(w, func(_ string, d awaitedDrain) bool { return !now.Before(d.until) })
	return w
}

// awaits is whether a node of which the pool knows nothing may still be found.
func (a *App) awaits(err error, node string) bool {
	return errors.Is(err, balancer.ErrUnknownNode) && mayFind(a.config.Nodes, node)
}

// mayFind is whether an entry could find a node of that name.
func mayFind(entries []config.Node, node string) bool {
	return slices.ContainsFunc(entries, func(e config.Node) bool {
		return e.Finds() && strings.HasPrefix(node, e.Name+"-")
	})
}

// awaitDrains keeps the drains of found nodes that have disappeared, and takes up
// those of nodes that are there now and were not before. mu is held.
func (a *App) awaitDrains(before []balancer.Status) {
	now := time.Now()
	for _, n := range before {
		if _, stays := a.joined.Load().origins[n.Name]; n.Drain != nil && !n.Removed && !stays && mayFind(a.config.Nodes, n.Name) {
			a.awaited.keep(n.Name, *n.Drain, now)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.awaited.valid(now))) {
		if _, there := a.joined.Load().origins[name]; !there {
			continue
		}
		d := a.awaited[name].Drain
		delete(a.awaited, name)
		if n, _ := a.pool.Node(name); n.Drain == nil { // a node that was still leaving has its own
			a.resumeDrain(name, d, "still draining, as before it disappeared")
		}
	}
}

// resumeDrain takes up a drain that was asked for earlier, and logs that. mu is
// held.
func (a *App) resumeDrain(node string, d balancer.Drain, message string) {
	n, err := a.restoreDrain(node, d)
	if err != nil {
		a.log.Warn("drain not restored", zap.String("node", node), zap.NamedError("err", err))
		return
	}
	a.log.Info(message, zap.String("node", node))
	a.moveOrStay(n)
}
