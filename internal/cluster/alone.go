package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Alone is in the place of a Member where there is no cluster: it decides by itself.
// While one process takes the place of another, both are there: the successor leads
// its predecessors, which follow it. All of its methods may be called from any
// goroutine.
type Alone struct {
	id      string
	changed func(View)
	report  func() Report
	started time.Time
	clock   clock
	view    atomic.Pointer[View]
	turn    sync.Mutex // of who changes the view
	led     bool       // by a successor; guarded by turn
}

// NewAlone returns one that knows nothing; changed and report are called as those of
// Deps.
func NewAlone(changed func(View), report func() Report) *Alone {
	id := fmt.Sprintf("%012x", rand.Uint64()>>16)
	a := &Alone{id: id, changed: changed, report: report, started: time.Now(), clock: clock{id: id}}
	a.view.Store(new(View))
	return a
}

// Recall is what was known before a restart, or to a predecessor. It is called before
// anybody decides, and tells nobody.
func (a *Alone) Recall(known State) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.clock.see(known.newest())
	a.view.Store(&View{State: known.Clone()})
}

// ErrLed is that a successor decides.
var ErrLed = errors.New("another process has taken the place of this one, and decides")

// Decide is as that of Member, but for errors of Redis: it has none. ErrLed: there is
// a successor.
func (a *Alone) Decide(_ context.Context, _ bool, change func(v View, s *State) error) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.led {
		return ErrLed
	}
	next := a.View()
	next.State = next.State.Clone()
	if err := change(a.View(), &next.State); err != nil {
		return err
	}
	a.show(next)
	return nil
}

// show makes a view the present one. The turn is had.
func (a *Alone) show(v View) {
	a.view.Store(&v)
	a.changed(v)
}

// Peer is what a predecessor says of itself.
type Peer struct {
	Report
	// Claims are how many clients it may have on nodes with a cap, by node.
	Claims map[string]int
}

// Lead takes in what the predecessors say: the nodes' caps are this process's but for
// what they claim. Without any it is alone.
func (a *Alone) Lead(peers []Peer) {
	a.turn.Lock()
	defer a.turn.Unlock()
	v := View{State: a.View().State}
	if !a.led && len(peers) > 0 {
		v = a.together(v.State, peers)
	}
	if a.led || a.View().Self == "" && v.Self == "" {
		return
	}
	a.show(v)
}

func (a *Alone) together(s State, peers []Peer) View {
	own := a.Report()
	v := View{Self: a.id, Processes: true, State: s, Members: []Report{own}, quotas: make(map[string]int)}
	for node, n := range own.Nodes {
		if n.Cap > 0 {
			v.quotas[node] = n.Cap
		}
	}
	for _, p := range peers {
		v.Members = append(v.Members, p.Report)
		for node, claim := range p.Claims {
			if quota, capped := v.quotas[node]; capped {
				v.quotas[node] = max(0, quota-claim)
			}
		}
	}
	v.upgrades = partsOf(own, 1-restOfUpgrades)
	return v
}

// Yield is for a process whose place another one takes: from now on Decide errors, and
// there may be so many clients as it claims. It returns what was decided.
func (a *Alone) Yield(claims map[string]int) State {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.led = true
	own := a.Report()
	a.show(View{Self: a.id, Processes: true, State: a.View().State, Members: []Report{own}, quotas: maps.Clone(claims), upgrades: partsOf(own, restOfUpgrades)})
	return a.View().State.Clone()
}

// Follow is what the successor has decided, and what all say of themselves. From then
// on Decide errors.
func (a *Alone) Follow(s State, reports []Report, claims map[string]int) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.led = true
	a.clock.see(s.newest())
	own := a.Report()
	others := slices.DeleteFunc(slices.Clone(reports), func(r Report) bool { return r.ID == a.id })
	a.show(View{
		Self: a.id, Processes: true, State: s, Members: append([]Report{own}, others...), quotas: maps.Clone(claims),
		upgrades: partsOf(own, restOfUpgrades/float64(max(1, len(others)))),
	})
}

// Unfollow is for a process whose successor has gone: it decides again.
func (a *Alone) Unfollow() {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.led = false
	a.show(View{State: a.View().State})
}

// restOfUpgrades is the part of each node's upgrades_per_second that the predecessors
// have together: they let nobody in, but may have sessions to move.
const restOfUpgrades = 0.2

func partsOf(own Report, part float64) map[string]float64 {
	parts := make(map[string]float64, len(own.Nodes))
	for node := range own.Nodes {
		parts[node] = part
	}
	return parts
}

// Report is what this process says of itself now.
func (a *Alone) Report() Report {
	r := a.report()
	r.ID, r.Name, r.Started, r.At = a.id, "", a.started, time.Now().UnixMilli()
	r.Seen = a.View().State.newest()
	return r
}

// View is what is decided. It has members, and a Self, only while there are
// predecessors, or a successor.
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
