package app

import (
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/health"
)

// checked is told the result of each check of a node.
func (a *App) checked(name string, r health.Result) {
	if r.Skipped != nil {
		a.notChecked(name, r.Skipped)
		return
	}
	if a.inheritedDown.holds(name, r) {
		return
	}
	if r.Took > 0 { // not the report of a client's dial that failed
		a.metrics.Checked(name, r.Took)
	}
	if r.Loop > 0 {
		a.metrics.Answered(name, r.Loop)
	}
	now := time.Now()
	change := a.pool.SetCheck(name, balancer.Check{
		Up: r.Up, Passed: r.Passed, Reason: r.Reason, Fault: string(r.Fault), Gone: r.Refused, Began: now.Add(-r.Took), Ended: now, Loop: r.Loop,
	})
	if change.Doubted {
		a.checks.hurry(name) // whether the others fail too decides about its clients
	}
	if change.Up {
		a.handler.Returned(change.Node)
	}
	if r.Changed {
		a.tellHealth(name, r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settleChecked()
}

func (a *App) tellHealth(name string, r health.Result) {
	kind := "node_down"
	if r.Up {
		kind = "node_up"
	}
	a.tell(kind, name, r.Reason, zap.Duration("dur", r.Took))
}

// settleChecked settles the nodes whose clients are to go because of the checks,
// or no longer, and those who wait there for an answer; and it tells whether the
// checks are believed. It is called after whatever can change that: a check, a
// drain, a reload.
func (a *App) settleChecked() {
	changed := a.pool.Unsettled()
	a.tellPanic(changed)
	for _, n := range changed.Nodes {
		if n.Lost {
			a.handler.GiveUp(n.Node)
		}
		if n.Drain == nil && !n.Removed {
			a.moveOrStay(n)
		}
	}
}

func (a *App) tellPanic(changed balancer.Unsettled) {
	switch {
	case changed.Panic:
		a.tell("panic", "", "too many nodes fail their checks at once: these are not believed, and nobody is moved because of them")
	case changed.PanicOver:
		a.tell("panic_over", "", "the checks are believed again")
	}
}
