package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/admin"
	"fermata/internal/cluster"
	"fermata/internal/handover"
	"fermata/internal/metrics"
)

// predecessor is a process whose place this one has, and that has clients still.
type predecessor struct {
	conn    *handover.Conn
	hello   handover.Hello
	since   time.Time
	changed chan struct{} // has one when there is something to tell it
	batches arrivals      // of the goroutine that receives

	mu      sync.Mutex
	report  handover.Report
	metrics metrics.Exposition // the last that it has said
	asked   chan struct{}      // closed with the next; nil: nobody has asked
}

// takePlace is the moment at which this process begins to serve: the predecessor stops
// to accept.
func (a *App) takePlace(ctx context.Context) error {
	from := a.succession.from
	if from == nil {
		return nil
	}
	a.awaitChecks(ctx)
	conn := from.conn
	if err := conn.Send(handover.KindReady, nil); err != nil {
		return err
	}
	m, err := conn.Receive(time.Now().Add(welcomeWithin))
	if err != nil {
		return err
	}
	defer m.Close()
	var report handover.Report
	if err := open(m, handover.KindYours, &report); err != nil {
		return err
	}
	lock, err := a.awaitLock()
	if err != nil {
		return err
	}
	a.succession.serve(lock)
	p := a.newPredecessor(conn, from.welcome.Hello)
	p.report = report
	a.enroll(p)
	from.first = p
	return nil
}

// leadFirst leads the predecessor whose place this process has.
func (a *App) leadFirst(ctx context.Context) {
	if from := a.succession.from; from != nil && from.first != nil {
		a.succession.links.Go(func() {
			defer from.conn.Close()
			defer context.AfterFunc(ctx, from.conn.Interrupt)()
			a.lead(ctx, from.first)
		})
	}
}

// checksWithin is how long a successor waits for the first checks of its nodes.
const checksWithin = 10 * time.Second

// awaitChecks returns when each node was checked once.
func (a *App) awaitChecks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checksWithin)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for slices.ContainsFunc(a.pool.Nodes(), func(n balancer.Status) bool { return n.Reason == balancer.NotChecked }) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// inheritDown has nodes be down that the predecessor knows to be down.
func (a *App) inheritDown() {
	from := a.succession.from
	if from == nil {
		return
	}
	for name, reason := range from.welcome.Down {
		a.checked(name, health.Result{Reason: reason})
	}
	a.inheritedDown.set(from.welcome.Down)
}

// inheritedDown are nodes that are down from the beginning: a first check that fails
// does not yet say so. The zero value has none.
type inheritedDown struct {
	mu    sync.Mutex
	nodes map[string]string
}

func (d *inheritedDown) set(nodes map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = maps.Clone(nodes)
}

// holds is whether a result says nothing new of a node that is down.
func (d *inheritedDown) holds(name string, r health.Result) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, down := d.nodes[name]
	if !down || r.Up && !r.Passed {
		return down
	}
	delete(d.nodes, name)
	return false
}

// inherited is what the predecessor knows or, without one, what was remembered.
func (a *App) inherited(m remembered) (remembered, cluster.State) {
	from := a.succession.from
	if from == nil {
		return m, m.state()
	}
	var found map[string]json.RawMessage
	if err := json.Unmarshal(from.welcome.Found, &found); err == nil {
		m.found = recallFound(found, func(field, reason string) {
			a.log.Warn("value of the predecessor refused", zap.String("field", field), zap.String("reason", reason))
		})
	}
	return m, from.welcome.State
}

// awaitLock takes the lock, which the predecessor is giving back.
func (a *App) awaitLock() (lock *handover.Lock, err error) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(welcomeWithin); time.Now().Before(deadline); <-again.C {
		if lock, err = handover.TakeLock(a.succession.socket); !errors.Is(err, handover.ErrHeld) {
			return lock, err
		}
	}
	return nil, err
}

func (a *App) newPredecessor(conn *handover.Conn, hello handover.Hello) *predecessor {
	return &predecessor{conn: conn, hello: hello, since: time.Now(), changed: make(chan struct{}, 1)}
}

// lead tells a predecessor what is decided, and takes what it says, until it has gone.
func (a *App) lead(ctx context.Context, p *predecessor) {
	a.enroll(p)
	defer a.dismiss(ctx, p)
	inner, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() { a.tellDecided(inner, p) })
	defer telling.Wait()
	defer cancel()
	for {
		m, err := p.conn.Receive(time.Now().Add(silentFor))
		if err == nil {
			err = a.hear(p, &m)
			m.Close()
		}
		switch {
		case errors.Is(err, errDone), ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF):
			p.batches.orphaned(true)
			fallthrough
		case err != nil:
			a.log.Warn("a predecessor has gone", zap.Int("pid", p.hello.PID), zap.Int("clients", p.lastReport().Clients), zap.NamedError("err", err))
			return
		}
	}
}

// errDone is the end of a predecessor that has no clients any more.
var errDone = errors.New("done")

func (a *App) hear(p *predecessor, m *handover.Message) error {
	switch m.Kind {
	case handover.KindReport:
		var r handover.Report
		if err := m.Into(&r); err != nil {
			return err
		}
		p.set(r)
		a.leadAll()
	case handover.KindClients:
		return a.receiveBatch(p, m)
	case handover.KindGo:
		var g handover.Go
		if err := m.Into(&g); err != nil {
			return err
		}
		p.batches.end(g)
	case handover.KindIDs:
		var ids handover.IDs
		if err := m.Into(&ids); err != nil {
			return err
		}
		a.handler.Learn(p.name(), announcement(ids.Said))
		if ids.Answer {
			return p.conn.Send(handover.KindHeard, handover.IDs{Said: cluster.Said{Number: ids.Number}})
		}
	case handover.KindMetrics:
		var said handover.Metrics
		if err := m.Into(&said); err != nil {
			return err
		}
		p.answered(said.Families)
	case handover.KindDone:
		var said handover.Metrics
		if err := m.Into(&said); err != nil {
			return err
		}
		p.answered(said.Families)
		return errDone
	default: // of a later version
	}
	return nil
}

// tellDecided tells a predecessor what is decided: at once when that changes, and
// otherwise often enough to be taken for alive.
func (a *App) tellDecided(ctx context.Context, p *predecessor) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		v := a.council.View()
		reports := slices.Clone(v.Members)
		if err := p.conn.Send(handover.KindDecided, handover.Decided{State: v.State, Reports: reports}); err != nil {
			p.conn.Interrupt()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-tick.C:
		}
	}
}

// leadAll takes in what all predecessors have said last.
func (a *App) leadAll() {
	if a.alone == nil {
		return
	}
	var peers []cluster.Peer
	for _, p := range a.predecessors() {
		r := p.lastReport()
		peers = append(peers, cluster.Peer{Report: r.Report, Claims: r.Claims})
	}
	a.alone.Lead(peers)
}

// predecessorsShown are the predecessors as the API shows them.
func (a *App) predecessorsShown() (all []admin.Predecessor) {
	for _, p := range a.predecessors() {
		r := p.lastReport()
		all = append(all, admin.Predecessor{PID: p.hello.PID, Version: p.hello.Fermata, Clients: r.Clients, Since: p.since, Until: r.Until})
	}
	return all
}

// predecessors are in the order in which they came.
func (a *App) predecessors() []*predecessor {
	s := &a.succession
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.predecessors), func(p, q *predecessor) int { return p.since.Compare(q.since) })
}

func (a *App) enroll(p *predecessor) {
	s := &a.succession
	s.mu.Lock()
	if s.predecessors == nil {
		s.predecessors = make(map[*predecessor]struct{})
	}
	s.predecessors[p] = struct{}{}
	s.mu.Unlock()
	a.leadAll()
}

// dismiss is for a predecessor that has gone, or that this process leaves.
func (a *App) dismiss(ctx context.Context, p *predecessor) {
	s := &a.succession
	if ctx.Err() != nil && !s.isFollowing() {
		_ = p.conn.Send(handover.KindStop, nil)
	}
	p.batches.orphaned(false)
	if err := a.together.Left(p.lastMetrics()); err != nil {
		a.log.Warn("what a predecessor has counted is lost", zap.NamedError("err", err))
	}
	s.mu.Lock()
	delete(s.predecessors, p)
	s.mu.Unlock()
	a.handler.Unlearn(p.name())
	a.leadAll()
}

// name is what its clients are known by here.
func (p *predecessor) name() string { return fmt.Sprint("process ", p.hello.PID) }

func (p *predecessor) set(r handover.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report = r
}

func (p *predecessor) lastReport() handover.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report
}
