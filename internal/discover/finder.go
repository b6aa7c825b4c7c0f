package discover

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Look returns the nodes that are found now. It ends with ctx.
type Look func(ctx context.Context) ([]Node, error)

// ErrNone is what a look without any node counts as.
var ErrNone = errors.New("no nodes")

// Report is the outcome of one look.
type Report struct {
	Change
	Nodes int   // that there are now
	Err   error // why the look has changed nothing; nil: it has worked
}

// Finder finds the nodes of one entry. Make it with New. Its methods may be
// called concurrently.
type Finder struct {
	look  Look
	every time.Duration
	tell  func(Report)
	first chan struct{} // closed after the first look

	mu    sync.Mutex
	table Table
}

// New returns a finder that looks about so often, and knows some nodes already, or
// none. It starts nothing. Run calls tell after each look, one call at a time.
func New(known Table, look Look, every time.Duration, tell func(Report)) *Finder {
	return &Finder{look: look, every: every, tell: tell, first: make(chan struct{}), table: known}
}

// Run looks, the first time at once, until ctx ends. A look that fails, or finds
// no node, changes nothing. It may be called once.
func (f *Finder) Run(ctx context.Context) {
	clock := time.NewTimer(0)
	defer clock.Stop()
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		found, err := f.look(ctx)
		if ctx.Err() != nil {
			return
		}
		report := f.take(found, err)
		if first {
			close(f.first) // before tell, which may wait for whoever waits for this
		}
		f.tell(report)
		clock.Reset(f.pause(report.Nodes))
	}
}

// pause is the time until the next look, which comes soon while there are no
// nodes.
func (f *Finder) pause(nodes int) time.Duration {
	every := f.every
	if nodes == 0 {
		every = min(every, time.Second)
	}
	return time.Duration(float64(every) * (0.9 + 0.2*rand.Float64()))
}

func (f *Finder) take(found []Node, err error) (r Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && len(found) == 0 {
		err = ErrNone
	}
	if r.Err = err; err == nil {
		r.Change = f.table.Take(found, time.Now())
	}
	r.Nodes = len(f.table.present())
	return r
}

// Looked is closed after the first look.
func (f *Finder) Looked() <-chan struct{} { return f.first }

// Nodes are those that there are now.
func (f *Finder) Nodes() []Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.table.Nodes()
}

// Known is what a finder goes on with that takes the place of this one.
func (f *Finder) Known() Table {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.table.Clone()
}
