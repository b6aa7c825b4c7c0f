package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Alone is in the place of a Member where there is no cluster: it decides by itself.
// All of its methods may be called from any goroutine.
type Alone struct {
	changed func(View)
	clock   clock
	view    atomic.Pointer[View]
	turn    sync.Mutex // of who decides
}

// NewAlone returns one that knows nothing; changed is called as that of Deps.
func NewAlone(changed func(View)) *Alone {
	a := &Alone{changed: changed}
	a.view.Store(new(View))
	return a
}

// Recall is what was known before a restart. It is called before Run and Decide, and
// tells nobody.
func (a *Alone) Recall(known State) {
	a.clock.see(known.newest())
	a.view.Store(&View{State: known.Clone()})
}

// Decide is as that of Member, but for errors of Redis: it has none.
func (a *Alone) Decide(_ context.Context, _ bool, change func(v View, s *State) error) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	next := a.View()
	next.State = next.State.Clone()
	if err := change(a.View(), &next.State); err != nil {
		return err
	}
	a.view.Store(&next)
	a.changed(next)
	return nil
}

// View is what is decided. It has no members.
func (a *Alone) View() View { return *a.view.Load() }

// Stamp is a new one, after all others.
func (a *Alone) Stamp() Stamp { return a.clock.next() }

// Now is the time.
func (a *Alone) Now() time.Time { return time.Now() }

// Run has nothing to do until ctx ends.
func (a *Alone) Run(ctx context.Context) { <-ctx.Done() }

// First is closed: there is nobody to be heard.
func (a *Alone) First() <-chan struct{} {
	known := make(chan struct{})
	close(known)
	return known
}
