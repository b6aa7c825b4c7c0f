package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/discover"
)

// missing is since when nodes are not there of which it is decided that they drain:
// they may be found soon after a restart, or come back. By name; guarded by App.mu.
type missing map[string]time.Time

// missingFor is how long their drains wait for them. Somebody else can have an
// address later.
const missingFor = time.Hour

// noteMissing is called when nodes or decisions have changed. mu is held.
func (a *App) noteMissing(v cluster.View, now time.Time) {
	before := a.missing
	a.missing = make(missing)
	for name, d := range v.State.Nodes {
		if _, err := a.pool.Node(name); err == nil || d.Drain == nil {
			continue
		}
		a.missing[name] = now
		if since, known := before[name]; known {
			a.missing[name] = since
		}
	}
}

// forgetMissing ends the drains of nodes that do not come back, until ctx ends.
func (a *App) forgetMissing(ctx context.Context) {
	clock := time.NewTicker(time.Minute)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-clock.C:
			for _, name := range a.missingSince(now.Add(-missingFor)) {
				a.dropDecision(name)
			}
		}
	}
}

func (a *App) missingSince(t time.Time) (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, since := range a.missing {
		if !since.After(t) {
			names = append(names, name)
		}
	}
	return names
}

// awaits is whether a node of which the pool knows nothing may still be found.
func (a *App) awaits(err error, node string) bool {
	return errors.Is(err, balancer.ErrUnknownNode) && mayFind(a.config.Nodes, node)
}

// mayFind is whether an entry could find a node of that name. In a file nodes have
// any names.
func mayFind(entries []config.Node, node string) bool {
	return slices.ContainsFunc(entries, func(e config.Node) bool {
		return e.Kind == discover.File || e.Finds() && strings.HasPrefix(node, e.Name+"-")
	})
}

// dropDecision ends the drain of a node that has left the pool, unless another
// Fermata has it still: one of the same name that comes later is another one.
func (a *App) dropDecision(node string) {
	if a.council.View().State.Nodes[node].Drain == nil {
		return
	}
	a.decideUnasked(func(v cluster.View, s *cluster.State) error {
		if _, err := a.pool.Node(node); err == nil || elsewhere(v, node) {
			return errNothingToDo
		}
		setDecision(s, node, cluster.Decision{Stamp: a.council.Stamp(), From: selfName(v)})
		return nil
	})
	a.savedDrains("drains")
}

// elsewhere is whether another Fermata has the node.
func elsewhere(v cluster.View, node string) bool {
	return slices.ContainsFunc(v.Members, func(m cluster.Report) bool {
		_, has := m.Nodes[node]
		return has && m.ID != v.Self
	})
}
