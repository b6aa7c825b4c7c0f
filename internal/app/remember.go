package app

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/cluster"
	"fermata/internal/handover"
)

// openState opens the state directory. A full one is no reason not to serve.
func (a *App) openState() error {
	a.state.lock = a.succession.from.take(handover.StateDir, a.state.path)
	err := a.state.open()
	if isFull(err) {
		a.log.Warn("state_dir is full, a restart will forget drains and rolls", zap.NamedError("err", err))
		return nil
	}
	if err != nil {
		a.state.close()
		return fmt.Errorf("state_dir: got %s, which cannot be used, want another: %w", a.state.path, err)
	}
	return nil
}

// drainsNow takes the drains to be remembered. mu is held.
func (a *App) drainsNow(v cluster.View) (save func() error) {
	drains := make(map[string]balancer.Drain)
	for name, d := range v.State.Nodes {
		if d.Drain != nil {
			drains[name] = here(*d.Drain, v)
		}
	}
	return a.state.drains.snapshot(drains)
}

// savedDrains saves the drains after what was done, see saved.
func (a *App) savedDrains(done string) (warning string) {
	a.mu.Lock()
	save := a.drainsNow(a.council.View())
	a.mu.Unlock()
	return a.saved(done, save)
}

// savedRoll saves the roll, see saved.
func (a *App) savedRoll() (warning string) {
	a.mu.Lock()
	save := a.state.roll.snapshot(a.council.View().State.Roll.Nodes)
	a.mu.Unlock()
	return a.saved("roll", save)
}

// saveLimit is how long an answer waits for a file.
const saveLimit = 2 * time.Second

var errNotYetSaved = errors.New("the file system does not answer")

// saved is empty when save has saved, and what to tell the operator when it has
// not. mu is not held: a file system may take its time.
func (a *App) saved(what string, save func() error) (warning string) {
	done := make(chan error, 1)
	go func() { done <- save() }() // which ends with the file system's answer
	limit := time.NewTimer(saveLimit)
	defer limit.Stop()
	var err error
	select {
	case err = <-done:
	case <-limit.C:
		err = errNotYetSaved
	}
	if err == nil {
		return ""
	}
	a.log.Error("not saved, a restart will forget it", zap.String("what", what), zap.NamedError("err", err))
	return fmt.Sprintf("done, but not saved, so that a restart of Fermata will forget it; repeat it once it can be saved (%v)", err)
}
