package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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
	reload  atomic.Bool   // which is that the configuration was reloaded
	batches arrivals      // of the goroutine that receives

	mu      sync.Mutex
	left    bool // it was told to follow another one
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
	if err := conn.Send(handover.KindReady, handover.Ready{Socket: a.succession.socket, Left: from.left}); err != nil {
		return err
	}
	m, err := conn.Receive(time.Now().Add(welcomeWithin))
	if err != nil {
		return err
	}
	defer m.Close()
	var yours handover.Yours
	if err := open(m, handover.KindYours, &yours); err != nil {
		return err
	}
	if err := a.awaitLock(); err != nil {
		return err
	}
	a.settle()
	if yours.State != nil && a.alone != nil {
		a.council.Recall(*yours.State) // what was decided since Welcome
	}
	p := a.newPredecessor(conn, from.welcome.Hello)
	p.report = yours.Report
	from.first = p
	a.enroll(p)
	return nil
}

// leadFirst leads the predecessor whose place this process has.
func (a *App) leadFirst(ctx context.Context) {
	if from := a.succession.from; from != nil && from.first != nil {
		a.succession.links.Go(func() {
			defer from.conn.Close()
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
func (a *App) awaitLock() error {
	if a.succession.lock != nil {
		return nil // it is another one than the predecessor's
	}
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(welcomeWithin); ; <-again.C {
		lock, err := handover.TakeLock(a.succession.socket)
		if err == nil {
			a.succession.serve(lock)
		}
		if !errors.Is(err, handover.ErrHeld) || time.Now().After(deadline) {
			return err
		}
	}
}

func (a *App) newPredecessor(conn *handover.Conn, hello handover.Hello) *predecessor {
	return &predecessor{conn: conn, hello: hello, since: time.Now(), changed: make(chan struct{}, 1)}
}

// lead tells a predecessor what is decided, and takes what it says, until it has gone.
func (a *App) lead(ctx context.Context, p *predecessor) {
	a.enroll(p)
	defer a.dismiss(p)
	defer context.AfterFunc(ctx, func() { a.endWith(p) })()
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
		if err != nil {
			a.lost(ctx, p, err)
			return
		}
	}
}

// endWith has a predecessor stop, as this process does, unless somebody else serves.
// What it has said until then is received still.
func (a *App) endWith(p *predecessor) {
	p.conn.EndWithin(farewellWithin)
	if !a.succession.isFollowing() {
		_ = p.conn.Send(handover.KindStop, nil)
	}
	p.conn.Interrupt()
}

// lost is the end of what a predecessor says. If that is its own end, nobody else
// relays the clients that were on their way.
func (a *App) lost(ctx context.Context, p *predecessor, err error) {
	died := p.conn.HasDied(err)
	p.batches.orphaned(died)
	pid, clients := zap.Int("pid", p.hello.PID), zap.Int("clients", p.lastReport().Clients)
	switch {
	case ctx.Err() != nil, p.hasLeft():
	case errors.Is(err, errDone):
		a.log.Info("a predecessor has ended", pid)
	case died:
		a.log.Warn("a predecessor has died, and its clients are lost", pid, clients, zap.NamedError("err", err))
	default:
		a.log.Warn("a predecessor is not understood any more, it goes on alone", pid, clients, zap.NamedError("err", err))
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
		if p.reload.Swap(false) && p.conn.Send(handover.KindReload, nil) != nil {
			return
		}
		v := a.council.View()
		if p.conn.Send(handover.KindDecided, handover.Decided{State: v.State, Reports: v.Members, Socket: a.succession.at()}) != nil {
			return // what is received ends, too
		}
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-tick.C:
		}
	}
}

// tellPredecessors has all hear at once what is decided and, if it was reloaded, of the
// configuration.
func (a *App) tellPredecessors(reloaded bool) {
	for _, p := range a.predecessors() {
		if reloaded {
			p.reload.Store(true)
		}
		select {
		case p.changed <- struct{}{}:
		default: // it is about to hear
		}
	}
}

// leadAll takes in what all predecessors have said last.
func (a *App) leadAll() {
	var peers []cluster.Peer
	beside := 0
	for _, p := range a.predecessors() {
		r := p.lastReport()
		peers = append(peers, cluster.Peer{Report: r.Report, Claims: r.Claims})
		beside += r.Clients
	}
	a.handler.Beside(beside)
	if a.alone != nil {
		a.alone.Lead(peers)
	}
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

// dismiss is for a predecessor that has gone, or follows another one.
func (a *App) dismiss(p *predecessor) {
	s := &a.succession
	if !p.hasLeft() {
		if err := a.together.Left(p.lastMetrics()); err != nil {
			a.log.Warn("what a predecessor has counted is lost", zap.NamedError("err", err))
		}
	}
	s.mu.Lock()
	delete(s.predecessors, p)
	s.mu.Unlock()
	a.handler.Unlearn(p.name())
	a.leadAll()
}

// name is what its clients are known by here. The PID would be that of others, too,
// where each is in a container.
func (p *predecessor) name() string { return fmt.Sprintf("predecessor %p", p) }

// leave has it follow the one that serves now, at that socket.
func (p *predecessor) leave(socket string) {
	p.mu.Lock()
	p.left = true
	p.mu.Unlock()
	_ = p.conn.Send(handover.KindLeave, handover.Leave{Socket: socket})
}

func (p *predecessor) hasLeft() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

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
