package cluster

import (
	"context"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// pool is what a member has of each node: clients, and how many it may have.
type pool struct {
	cap int // of each node; 0: none

	mu     sync.Mutex
	used   map[string]int
	quotas map[string]int // without one: half of cap
	asked  map[string]int
}

func newPool(limit int, nodes ...string) *pool {
	p := &pool{cap: limit, used: map[string]int{}, quotas: map[string]int{}, asked: map[string]int{}}
	for _, node := range nodes {
		p.used[node] = 0
	}
	return p
}

// come lets clients in as far as there is a quota, and returns how many.
func (p *pool) come(node string, clients int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[node] += clients
	quota, known := p.quotas[node]
	if !known {
		quota = p.cap / 2
	}
	if p.cap > 0 {
		clients = min(clients, max(0, quota-p.used[node]))
	}
	p.used[node] += clients
	return clients
}

// has is for clients that have come long ago.
func (p *pool) has(node string, clients int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[node] = clients
}

func (p *pool) leave(node string, clients int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[node] -= min(clients, p.used[node])
}

func (p *pool) uses(node string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used[node]
}

func (p *pool) quota(node string) (clients int, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clients, known = p.quotas[node]
	return clients, known
}

func (p *pool) setQuota(node string, clients int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quotas[node] = max(clients, p.used[node])
	return p.quotas[node]
}

func (p *pool) report() Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Report{Nodes: make(map[string]NodeReport), Ready: true}
	for node, used := range p.used {
		r.Nodes[node] = NodeReport{Connections: used, Up: true, Cap: p.cap, Asked: p.asked[node]}
		r.Clients += used
	}
	return r
}

// changed sets the quotas that a view has.
func (p *pool) changed(v View) {
	for node := range maps.Clone(p.used) { // its keys never change
		if quota, known := v.Quota(node); known {
			p.setQuota(node, quota)
		}
	}
}

// process is a member that runs.
type process struct {
	*Member
	pool *pool
	link *link
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	refused map[string]int
}

// launch starts a member on a store, called name; changed may be nil.
func launch(s *simStore, name string, p *pool, changed func(View)) *process {
	ctx, stop := context.WithCancel(context.Background())
	pr := &process{pool: p, link: &link{store: s}, stop: stop, done: make(chan struct{}), refused: map[string]int{}}
	pr.Member = New(Options{Name: "test", Secret: testSecret, Member: name}, Deps{
		Store:   pr.link,
		Report:  p.report,
		Lower:   p.setQuota,
		Refused: pr.refuse,
		Log:     zap.NewNop(),
		Changed: func(v View) {
			p.changed(v)
			if changed != nil {
				changed(v)
			}
		},
	})
	go func() {
		defer close(pr.done)
		pr.Run(ctx)
	}()
	return pr
}

func (p *process) refuse(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[reason]++
}

func (p *process) refusals(reason string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused[reason]
}

// end stops a member and waits for it. Its clients are gone.
func (p *process) end() {
	p.stop()
	<-p.done
}

// die ends a member that does not say so.
func (p *process) die() {
	p.link.breaks(cut, time.Hour)
	p.end()
}

// bubble runs a test with a simulated clock; pass lets time go by.
func bubble(t *testing.T, f func(t *testing.T, s *simStore)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSimStore()
		f(t, s)
		s.inFlight.Wait()
	})
}

func passes(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// start runs members called a, b, … until the test ends.
func start(t *testing.T, s *simStore, limit int, nodes []string, names ...string) (all []*process) {
	t.Helper()
	for _, name := range names {
		p := launch(s, name, newPool(limit, nodes...), nil)
		t.Cleanup(p.end)
		all = append(all, p)
	}
	passes(3 * time.Second)
	return all
}
