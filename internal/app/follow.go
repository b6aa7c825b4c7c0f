package app

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fermata/internal/cluster"
	"fermata/internal/handover"
	"fermata/internal/metrics"
)

const (
	// reportEvery is how often processes that are one tell each other what they have.
	reportEvery = 250 * time.Millisecond
	// silentFor is after how long the other one is taken for stuck.
	silentFor = 10 * time.Second
)

// errStopTogether is the end of a process whose successor was told to stop.
var errStopTogether = errors.New("the successor stops")

// follow does what the successor decides, hands clients over to it, and has the others
// leave, until this process ends. When the successor dies, it follows the next one or,
// without any, serves again.
func (a *App) follow(ctx context.Context, f *following) {
	for f != nil {
		err := f.run(ctx)
		f.conn.Close()
		if ctx.Err() != nil {
			return
		}
		a.log.Warn("the successor has gone", zap.NamedError("err", err))
		f = a.nextSuccessor(ctx)
	}
	if ctx.Err() == nil {
		a.serveAgain(ctx)
	}
}

// following is what a follower does at the same time.
type following struct {
	*App
	conn    *handover.Conn
	begun   time.Time
	have    chan handover.Have // what has become of the last batch
	heard   acknowledgements
	sent    sync.WaitGroup
	led     sync.Once     // it is told for the first time what is decided
	once    sync.Once     // closes first
	first   chan struct{} // closed when all have been tried once
	given   atomic.Int64  // clients that were handed over
	staying atomic.Int64  // clients that cannot be
}

// followOn begins to follow a successor.
func (a *App) followOn(conn *handover.Conn) *following {
	f := &following{App: a, conn: conn, begun: time.Now(), have: make(chan handover.Have, 1), first: make(chan struct{})}
	a.succession.hand(conn)
	a.succession.link.Store(f)
	return f
}

// run follows until ctx ends, or the successor has gone.
func (f *following) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, f.conn.Interrupt)()
	defer f.succession.link.Store(nil)
	inner, cancel := context.WithCancel(ctx)
	spread := f.spread()
	f.sent.Go(f.reloadFollower)
	f.sent.Go(f.mentionAll)
	f.sent.Go(func() { f.report(inner) })
	f.sent.Go(func() { f.handOverAll(inner) })
	f.sent.Go(func() { f.moves.Depart(inner, spread) })
	err := f.receive()
	cancel()
	f.heard.all()
	f.sent.Wait()
	return err
}

// receive takes what the successor says, until that ends.
func (f *following) receive() error {
	for {
		m, err := f.conn.Receive(time.Now().Add(silentFor))
		if err != nil {
			return err
		}
		m.Close()
		if err := f.obey(m); err != nil {
			return err
		}
	}
}

func (f *following) obey(m handover.Message) error {
	switch m.Kind {
	case handover.KindDecided:
		var d handover.Decided
		if err := m.Into(&d); err != nil {
			return err
		}
		f.decided(d)
	case handover.KindHave:
		var have handover.Have
		if err := m.Into(&have); err != nil {
			return err
		}
		select {
		case f.have <- have:
		default: // nobody has asked
		}
	case handover.KindHeard:
		var ids handover.IDs
		if err := m.Into(&ids); err != nil {
			return err
		}
		f.heard.of(ids.Number)
	case handover.KindMetrics:
		f.sent.Go(f.sayMetrics)
	case handover.KindReload:
		f.sent.Go(f.reloadFollower)
	case handover.KindStop:
		f.succession.together()
		f.succession.gone(errStopTogether)
	case handover.KindLeave:
		return errors.New("it has a successor itself")
	default: // of a later version
	}
	return nil
}

// decided does what the successor has decided. In a cluster this is a member itself.
func (f *following) decided(d handover.Decided) {
	f.led.Do(func() { f.pass() })
	if f.alone != nil {
		f.alone.Follow(d.State, d.Reports, f.claims())
	}
}

// report tells the successor what this process has, until ctx ends or it has nothing.
func (f *following) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		r := f.followerReport()
		if err := f.conn.Send(handover.KindReport, r); err != nil {
			f.conn.Interrupt()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if r.Clients == 0 && f.isIdle() {
			f.done()
			return
		}
	}
}

// done is the end of a process that has no clients any more.
func (f *following) done() {
	if all, err := metrics.Expose(f.registry); err == nil {
		_ = f.conn.Send(handover.KindDone, handover.Metrics{Families: all})
	}
	f.log.Info("the last client has gone, this process ends")
	f.succession.gone(errReplaced)
}

// followerReport is what a predecessor says of itself.
func (a *App) followerReport() handover.Report {
	clients, _ := a.handler.Clients()
	r := handover.Report{Clients: int(clients), Claims: a.claims()}
	if f := a.succession.link.Load(); f != nil {
		r.Staying, r.Until = int(f.staying.Load()), f.until()
	}
	if a.alone != nil {
		r.Report = a.alone.Report()
	} else {
		r.Report = cluster.Report{Version: a.Version, Clients: int(clients)}
	}
	return r
}

// until is when the last client is closed that cannot be handed over; zero: none is.
func (f *following) until() time.Time {
	spread := f.spread()
	if spread == 0 || f.staying.Load() == 0 {
		return time.Time{}
	}
	return f.begun.Add(spread)
}

// spread is over how long those are closed that cannot be handed over.
func (a *App) spread() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.config.Upgrade.Spread
}

// pass has the processes that follow this one follow its successor, which serves now.
func (f *following) pass() {
	for _, p := range f.predecessors() {
		_ = p.conn.Send(handover.KindLeave, nil)
	}
}

// isIdle is whether nobody can come any more.
func (f *following) isIdle() bool { return f.handler.Open() == 0 && len(f.predecessors()) == 0 }

// nextSuccessor is who serves after a successor has gone; nil: this process does, and
// has the lock.
func (a *App) nextSuccessor(ctx context.Context) *following {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	s := &a.succession
	for ctx.Err() == nil {
		if lock, err := handover.TakeLock(s.socket); err == nil {
			s.serve(lock)
			return nil
		}
		if conn, err := handover.Dial(s.socket); err == nil {
			if err = conn.Send(handover.KindFollow, a.hello()); err == nil {
				return a.followOn(conn)
			}
			conn.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
	return nil
}
