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
		if ctx.Err() != nil {
			if f.conn.HasDied(err) { // both were told to stop
				a.succession.together()
			}
			return // the successor hears of this process's end, see farewell
		}
		f.conn.Close()
		if errors.Is(err, errPassed) {
			a.log.Info("the successor was replaced itself, following the next one")
		} else {
			a.log.Warn("the successor has gone", zap.NamedError("err", err))
		}
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
	have    chan handover.Have // what has become of the last batch
	heard   acknowledgements
	sent    sync.WaitGroup
	led     sync.Once     // it is told for the first time what is decided
	once    sync.Once     // closes first
	first   chan struct{} // closed when all have been tried once
	like    chan struct{} // closed when it has the successor's configuration
	given   atomic.Int64  // clients that were handed over
	staying atomic.Int64  // clients that cannot be
	news    chan struct{} // has one when the successor is to hear at once what this process has
}

// followOn begins to follow a successor.
func (a *App) followOn(conn *handover.Conn) *following {
	f := &following{App: a, conn: conn, have: make(chan handover.Have, 1), first: make(chan struct{}), like: make(chan struct{}), news: make(chan struct{}, 1)}
	a.succession.hand(conn)
	a.succession.link.Store(f)
	return f
}

// run follows until ctx ends, or the successor has gone.
func (f *following) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, f.lastWord)()
	defer f.succession.link.Store(nil)
	inner, cancel := context.WithCancel(ctx)
	f.sent.Go(f.mentionAll)
	f.sent.Go(f.sayMetrics) // the last ones, if this process is killed
	f.sent.Go(func() { f.report(inner) })
	f.sent.Go(func() { f.handOverAll(inner) })
	f.sent.Go(func() {
		f.reloadFollower()
		close(f.like)
		f.depart(inner)
	})
	err := f.receive()
	cancel()
	f.heard.all()
	f.sent.Wait()
	return err
}

// stopTogether is how long a process that is told to stop waits for the word that its
// successor stops, too: a service manager tells all processes at once, and clients that
// are sent to one that stops are refused.
const stopTogether = 100 * time.Millisecond

// lastWord ends what is received, once the successor has had the time to say that it
// stops.
func (f *following) lastWord() { time.AfterFunc(stopTogether, f.conn.Interrupt) }

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
		return errStopTogether
	case handover.KindLeave:
		var next handover.Leave
		if m.Body != nil && m.Into(&next) == nil {
			f.succession.move(next.Socket)
		}
		return errPassed
	default: // of a later version
	}
	return nil
}

// errPassed is that the successor has a successor itself.
var errPassed = errors.New("it has a successor itself")

// depart has those leave that cannot be handed over, within what is left of the time.
func (f *following) depart(ctx context.Context) {
	begun, spread := f.departure()
	if spread > 0 {
		f.moves.Depart(ctx, max(time.Until(begun.Add(spread)), time.Millisecond))
	}
}

// decided does what the successor has decided. In a cluster this is a member itself.
func (f *following) decided(d handover.Decided) {
	f.succession.move(d.Socket)
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
		if f.conn.Send(handover.KindReport, r) != nil {
			return // what is received ends, too
		}
		select {
		case <-ctx.Done():
			return
		case <-f.news:
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
	begun, spread := f.departure()
	if spread == 0 || f.staying.Load() == 0 {
		return time.Time{}
	}
	return begun.Add(spread)
}

// departure is since when, and over how long, those are closed that cannot be handed
// over. It goes on from one successor to the next.
func (a *App) departure() (begun time.Time, spread time.Duration) {
	s := &a.succession
	s.mu.Lock()
	begun = s.begun
	s.mu.Unlock()
	return begun, a.now().Upgrade.Spread
}

// pass has the processes that follow this one follow its successor, which serves now.
func (f *following) pass() {
	for _, p := range f.predecessors() {
		p.leave(f.succession.at())
	}
}

// isIdle is whether nobody can come any more, and nobody waits for an answer.
func (f *following) isIdle() bool {
	return f.handler.Open() == 0 && len(f.predecessors()) == 0 && !f.succession.isUpgrading()
}

// nextSuccessor is who serves after a successor has gone; nil: this process does, and
// has the lock.
func (a *App) nextSuccessor(ctx context.Context) *following {
	s := &a.succession
	var conn *handover.Conn // to whoever answers
	for ctx.Err() == nil {
		if lock, err := handover.TakeLock(s.at()); err == nil {
			if conn != nil {
				conn.Close()
			}
			s.serve(lock)
			return nil
		}
		if conn == nil {
			conn = a.ask()
		}
		switch {
		case conn == nil:
			pause(ctx, askAgain)
		case conn.Await(askAgain): // it leads, or has closed the connection
			return a.followOn(conn)
		}
	}
	if conn != nil {
		conn.Close()
	}
	return nil
}

// askAgain is how soon it is looked again who serves.
const askAgain = 50 * time.Millisecond

// ask asks who serves whether it leads this process; nil: nobody is there. The answer
// comes only from one that does serve: the socket is this process's own, too.
func (a *App) ask() *handover.Conn {
	conn, err := handover.Dial(a.succession.at())
	if err != nil {
		return nil
	}
	if err := conn.Send(handover.KindFollow, a.hello()); err != nil {
		conn.Close()
		return nil
	}
	return conn
}

func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
