package app

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/handover"
	"fermata/internal/metrics"
)

// mostReserve is how many more clients a follower may have on a node with
// max_connections than it has: those that are on the way in, and sessions that move
// there.
const mostReserve = 16

// reserve is that many, or a quarter of the free places: who is sent to the successor
// must find one.
func reserve(v cluster.View, n balancer.Status) int {
	return min(mostReserve, max(0, n.MaxConnections-connections(v, n)-n.Requests)/4)
}

// claims are how many clients this process may have on each node with max_connections,
// which only gets fewer while it follows. Nil: there is a cluster, which sees to that.
func (a *App) claims() map[string]int {
	if a.alone == nil {
		return nil
	}
	s := &a.succession
	s.mu.Lock()
	defer s.mu.Unlock()
	view, before := a.council.View(), s.claimed
	s.claimed = make(map[string]int)
	for _, n := range a.pool.Nodes() {
		if n.MaxConnections == 0 {
			continue
		}
		claim := min(n.Connections+n.Requests+reserve(view, n), n.MaxConnections)
		if last, known := before[n.Name]; known {
			claim = min(claim, last)
		}
		s.claimed[n.Name] = claim
	}
	return maps.Clone(s.claimed)
}

// stopWriting leaves the files of state_dir to the successor.
func (a *App) stopWriting() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.leave(true)
}

// writeAgain is for a process that serves again.
func (a *App) writeAgain() {
	s := &a.succession
	s.mu.Lock()
	s.claimed = nil
	s.mu.Unlock()
	a.mu.Lock()
	a.state.leave(false)
	a.mu.Unlock()
	a.savedDrains("drains")
	a.savedRoll()
}

// reloadFollower takes over of the configuration what a follower needs: the nodes above
// all. What only the successor can do stays as it is here.
func (a *App) reloadFollower() {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	ctx := a.serving()
	if ctx == nil {
		return
	}
	c, err := a.load()
	if err != nil {
		a.log.Warn("the configuration of the successor cannot be read, this process keeps its own", zap.NamedError("err", err))
		return
	}
	if err := a.takeOver(ctx, loaded{config: followed(a.config, c)}); err != nil {
		a.log.Warn("the configuration of the successor not taken over, this process keeps its own", zap.NamedError("err", err))
	}
}

// followed is the successor's configuration, but for what cannot change here.
func followed(now, next *config.Config) *config.Config {
	c := *next
	c.Listen, c.Admin, c.Cluster, c.Tracing, c.StateDir = now.Listen, now.Admin, now.Cluster, now.Tracing, now.StateDir
	c.Log.Format, c.Limits.MaxHeaderBytes, c.Limits.TLSHandshakes = now.Log.Format, now.Limits.MaxHeaderBytes, now.Limits.TLSHandshakes
	c.Timeouts.Header, c.Timeouts.Request, c.Timeouts.Response, c.Timeouts.Idle = now.Timeouts.Header, now.Timeouts.Request, now.Timeouts.Response, now.Timeouts.Idle
	c.Warnings = nil
	return &c
}

// acknowledgements are announcements that the successor has still to hear of. The zero
// value is ready.
type acknowledgements struct {
	mu     sync.Mutex
	number uint64
	waits  map[uint64]chan struct{}
}

// next is the number of an announcement, and what is closed once it is heard.
func (w *acknowledgements) next() (number uint64, heard <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits == nil {
		w.waits = make(map[uint64]chan struct{})
	}
	w.number++
	w.waits[w.number] = make(chan struct{})
	return w.number, w.waits[w.number]
}

func (w *acknowledgements) of(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if heard, waits := w.waits[number]; waits {
		close(heard)
		delete(w.waits, number)
	}
}

// all is for a successor that has gone.
func (w *acknowledgements) all() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for number, heard := range w.waits {
		close(heard)
		delete(w.waits, number)
	}
}

// announce tells the successor, which gets the requests that apps publish with, what has
// become of a client that this process moves.
func (f *following) announce(app, told string) (heard <-chan struct{}) {
	number, heard := f.heard.next()
	if !f.say(number, true, cluster.MovedID(f.handler.Moved(app, told))) {
		f.heard.of(number)
	}
	return heard
}

// mention is announce where nobody waits for it.
func (f *following) mention(app, told string) {
	f.say(0, false, cluster.MovedID(f.handler.Moved(app, told)))
}

func (f *following) say(number uint64, answer bool, ids ...cluster.MovedID) bool {
	said := handover.IDs{Said: cluster.Said{Number: number, IDs: ids}, Answer: answer}
	return f.conn.Send(handover.KindIDs, said) == nil
}

// sayMetrics answers the successor.
func (f *following) sayMetrics() {
	if all, err := metrics.Expose(f.together.Own()); err == nil {
		_ = f.conn.Send(handover.KindMetrics, handover.Metrics{Families: all})
	}
}

// askWithin is how long a scrape waits for a predecessor.
const askWithin = 500 * time.Millisecond

// expositions are the metrics of the predecessors: what they say within askWithin, or
// otherwise have said last.
func (a *App) expositions() (all []metrics.Exposition) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	var asked sync.WaitGroup
	predecessors := a.predecessors()
	for _, p := range predecessors {
		asked.Go(func() { p.ask(ctx) })
	}
	asked.Wait()
	for _, p := range predecessors {
		all = append(all, p.lastMetrics())
	}
	return all
}

// ask has a predecessor say its metrics, and waits for that until ctx ends.
func (p *predecessor) ask(ctx context.Context) {
	p.mu.Lock()
	first := p.asked == nil
	if first {
		p.asked = make(chan struct{})
	}
	answered := p.asked
	p.mu.Unlock()
	if first && p.conn.Send(handover.KindMetrics, nil) != nil {
		return
	}
	select {
	case <-answered:
	case <-ctx.Done():
	}
}

func (p *predecessor) answered(all metrics.Exposition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metrics = all
	if p.asked != nil {
		close(p.asked)
		p.asked = nil
	}
}

func (p *predecessor) lastMetrics() metrics.Exposition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metrics
}

// mentionAll is for a successor that knows nothing of this process's clients.
func (f *following) mentionAll() {
	var ids []cluster.MovedID
	for _, m := range f.handler.AllMoved() {
		ids = append(ids, cluster.MovedID(m))
	}
	f.say(0, false, ids...)
}
