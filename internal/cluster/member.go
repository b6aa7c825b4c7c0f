package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// beatEvery is how often a member is heard of and hears of the others.
	beatEvery = 500 * time.Millisecond
	// seekEvery is how often a member looks for places that others give back.
	seekEvery = 100 * time.Millisecond
	// exchangeTimeout bounds one exchange with the store.
	exchangeTimeout = 2 * time.Second
	// leaveTimeout bounds what a member does when it goes.
	leaveTimeout = 200 * time.Millisecond
)

// Deps are what a member works with. Its funcs are called one at a time, on
// Run's goroutine or Decide's, must not block for long, and must not call Decide.
type Deps struct {
	Store Store
	// Report is called for each beat, and fills Version, Clients, Ready, Stopping
	// and Nodes.
	Report func() Report
	// Lower sets a lower quota of a node's clients at once, and returns what it is
	// then: not below what is used.
	Lower func(node string, clients int) int
	// Changed is called after each beat, and after each Decide before that returns.
	// nil: nobody is told.
	Changed func(View)
	// Refused is called for something in the store that does not count, with a
	// word from Refusals. nil: nobody is told.
	Refused func(reason string)
	Log     *zap.Logger
}

// Member is this process in its cluster. All of its methods may be called from
// any goroutine.
type Member struct {
	id    string
	name  string
	deps  Deps
	sign  signer
	clock clock
	first chan struct{}
	view  atomic.Pointer[View]

	// turn is had by who deals with the store, one at a time: a beat or Decide.
	// It is a channel since that may take long, and one can stop waiting for it.
	turn chan struct{}
	// What follows is for who has the turn.
	known   State          // what this member acts by
	stored  []byte         // the state as the store has it; nil: none
	there   State          // what that says; nothing if it does not count
	unsure  *swap          // one whose answer was lost, and that may still be made; nil: none
	peers   peers          // who is in the store
	allowed map[string]int // clients on nodes with a cap, that this member may have now
	outage  outage
	started time.Time
	seq     uint64 // of its newest report
	seen    Stamp  // of the newest decision that it was told
	met     bool   // it has reached the store once

	needy bool // it has no place left at a node where others have; of Run's goroutine alone
}

// swap is a write of the state.
type swap struct{ old, new []byte }

// New makes a member, which does nothing before Run but show what it knows. The
// options must have been validated.
func New(o Options, deps Deps) *Member {
	id := fmt.Sprintf("%012x", rand.Uint64()>>16)
	m := &Member{
		id:      id,
		name:    o.MemberName(),
		deps:    deps,
		sign:    newSigner(o),
		clock:   clock{id: id},
		first:   make(chan struct{}),
		turn:    make(chan struct{}, 1),
		peers:   make(peers),
		allowed: make(map[string]int),
		started: time.Now(),
	}
	m.look()
	return m
}

// Recall is what was known before a restart. It is called before Run and Decide, and
// tells nobody.
func (m *Member) Recall(known State) {
	known = known.normal()
	known.Version, known.Quotas = 0, nil // those of then
	m.know(known)
	m.look()
}

// refuse tells that something in the store does not count.
func (d Deps) refuse(reason string) {
	if d.Refused != nil {
		d.Refused(reason)
	}
}

// Run beats until ctx ends. Then it gives back what this member has, within
// leaveTimeout, and closes the store. It is called once.
func (m *Member) Run(ctx context.Context) {
	defer m.deps.Store.Close()
	for m.beat(ctx); ; m.beat(ctx) {
		select {
		case <-m.first:
		default:
			close(m.first)
		}
		if m.rest(ctx); ctx.Err() != nil {
			m.leave(context.WithoutCancel(ctx))
			return
		}
	}
}

// rest lasts until the next beat.
func (m *Member) rest(ctx context.Context) {
	next := time.Now().Add(jitter())
	for m.needy && ctx.Err() == nil && time.Until(next) > seekEvery {
		rest(ctx, seekEvery)
		m.seek(ctx)
	}
	rest(ctx, time.Until(next))
}

// jitter is the wait for the next beat, ±10 %, so that members' beats do not
// stay at the same moment.
func jitter() time.Duration {
	return beatEvery*9/10 + rand.N(beatEvery/5)
}

// First is closed after the first beat, whether it worked or not.
func (m *Member) First() <-chan struct{} { return m.first }

// View is what this member knows now.
func (m *Member) View() View { return *m.view.Load() }

// Stamp is a new one, after all that this member has seen.
func (m *Member) Stamp() Stamp { return m.clock.next() }

// Now is the time by Redis's clock, as far as it is known.
func (m *Member) Now() time.Time { return m.clock.now() }

// take waits for the turn; the release is nil if ctx has ended.
func (m *Member) take(ctx context.Context) (release func()) {
	select {
	case m.turn <- struct{}{}:
		return func() { <-m.turn }
	case <-ctx.Done():
		return nil
	}
}
