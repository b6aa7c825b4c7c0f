package app

import (
	"slices"

	"fermata/internal/cluster"
)

// Ready implements admin.Control. A Fermata that is full is ready, unless another
// member has room: its clients are let in and told to come back after a second,
// while those that a load balancer refuses stay away for fifteen.
func (a *App) Ready() bool {
	switch {
	case a.stopping.Load():
		return false
	case a.pool.Usable():
		return true
	}
	return a.pool.UsableIfNotFull() && !roomElsewhere(a.council.View())
}

// hasRoom is whether this Fermata can take a client now.
func (a *App) hasRoom() bool { return !a.isLeaving() && a.pool.Usable() }

// isLeaving is whether this process takes no more clients: it stops, or another one has
// its place.
func (a *App) isLeaving() bool { return a.stopping.Load() || a.succession.isFollowing() }

// roomElsewhere is whether another member can take clients. It is not known while
// Redis is away.
func roomElsewhere(v cluster.View) bool {
	return v.Away == nil && slices.ContainsFunc(v.Members, func(m cluster.Report) bool { return m.ID != v.Self && m.Room })
}
