package health

import (
	"context"
	"crypto/rand"
	"sync"
)

// round is one in which an event is published through each node, and which of
// them arrive where.
type round struct {
	sites []Site // those that take part
	ears  []*ear // theirs

	mu       sync.Mutex
	from     map[string]int // an event's name → through which site it was published
	to       map[*ear]int
	arrived  arrivals
	missing  int
	complete chan struct{} // closed when nothing is missing
}

// newRound gives each site an event whose name nobody else knows.
func newRound(sites []Site, ears []*ear) *round {
	r := &round{
		sites: sites, ears: ears, from: make(map[string]int), to: make(map[*ear]int),
		arrived: newArrivals(len(sites)), missing: len(sites) * len(sites), complete: make(chan struct{}),
	}
	for i, e := range ears {
		r.to[e] = i
	}
	if r.missing == 0 {
		close(r.complete)
	}
	return r
}

// heard notes an event. One that is not of this round came too late.
func (r *round) heard(e *ear, event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, ours := r.from[event]
	to, here := r.to[e]
	if !ours || !here || r.arrived[from][to] {
		return
	}
	r.arrived[from][to] = true
	if r.missing--; r.missing == 0 {
		close(r.complete)
	}
}

// run publishes through all, and waits for the events until ctx ends. It returns
// why a site did not take its event, at the site's place.
func (r *round) run(ctx context.Context, p Plan, channel string) []error {
	errs := make([]error, len(r.sites))
	var posts sync.WaitGroup
	for i, s := range r.sites {
		event := "fermata-" + rand.Text()
		r.mu.Lock()
		r.from[event] = i
		r.mu.Unlock()
		posts.Go(func() { errs[i] = publish(ctx, s, p, channel, event) })
	}
	posts.Wait()
	select {
	case <-r.complete:
	case <-ctx.Done():
	}
	return errs
}

// among are the arrivals among some of the sites.
func (r *round) among(some []int) arrivals {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := newArrivals(len(some))
	for i, from := range some {
		for j, to := range some {
			a[i][j] = r.arrived[from][to]
		}
	}
	return a
}
