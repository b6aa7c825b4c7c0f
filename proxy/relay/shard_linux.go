package relay

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// rawSize is how much is read at once from a leg that speaks TLS. What
// crypto/tls makes of it, and of what it still had, fits into a buffer.
const rawSize = 32 << 10

// shard relays its relays on one goroutine, which runs while there are any.
type shard struct {
	engine *count // of running shards
	pace   *pace  // of all of them
	token  token
	public struct {
		bytesToNode, bytesToClient       atomic.Int64
		messagesToNode, messagesToClient atomic.Int64
	}

	mu      sync.Mutex
	users   int // relays and netConns that have entered and not left
	awaited table[netConn]
	accepts table[listener] // those that it accepts for
	running bool            // the goroutine, which ends without relays
	tasks   []func()        // for it to do
	poller  *poller         // while it runs, which alone closes it
	wakeup  int             // an eventfd that ends its wait, for tasks and the last user

	// All below is the goroutine's.
	relays           table[epollRelay]
	detached         map[*epollRelay]*meanwhile
	wheel            wheel
	started          time.Time  // of the wheel's time
	clock            ticks      // 0: not looked at in this round
	woken            bool       // somebody was, or may have been, in this round
	hadWork          bool       // in the last round
	gaveWay          time.Time  // to others, the last time
	toNode, toClient passed     // becomes public after each round
	carriers         []*carrier // without work
	soon             []func()   // to be called in this round
	wire             wire
	loan             loan
	space            *space
}

// space is what a shard works in.
type space struct {
	buffer buffer
	raw    [rawSize]byte
	text   [bufferSize]byte // a client's message for its tap
}

func newShard(engine *count, p *pace, t token) *shard {
	return &shard{
		engine: engine, pace: p, token: t, started: time.Now().Add(-tick),
		loan: newLoan(), space: new(space), detached: make(map[*epollRelay]*meanwhile),
	}
}

// enter makes sure that the shard runs until one more has left.
func (s *shard) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		if err := s.open(); err != nil {
			return err
		}
		s.running = true
		s.engine.begin()
		go s.run()
	}
	s.users++
	return nil
}

func (s *shard) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		signalEventfd(s.wakeup)
	}
}

// await has c woken until it is forgotten.
func (s *shard) await(c *netConn) handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.awaited.add(c)
}

func (s *shard) forget(h handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited.remove(h)
}

func (s *shard) awaitedAt(h handle) *netConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.awaited.get(h)
}

// accept has l told of those who come until acceptNoMore.
func (s *shard) accept(l *listener) handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepts.add(l)
}

func (s *shard) acceptNoMore(h handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepts.remove(h)
}

func (s *shard) listenerAt(h handle) *listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepts.get(h)
}

// ownHandle is the handle of what only ends a wait.
var ownHandle = handle{index: math.MaxUint32}

func (s *shard) open() (err error) {
	if s.poller, err = newPoller(); err != nil {
		return err
	}
	if s.wakeup, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = s.poller.close()
		return os.NewSyscallError("eventfd", err)
	}
	if err = s.poller.watchOwn(s.wakeup); err != nil {
		_ = s.close()
		return err
	}
	return nil
}

func (s *shard) close() error { return errors.Join(unix.Close(s.wakeup), s.poller.close()) }

// post has the goroutine call f, unless no relay is left.
func (s *shard) post(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return
	}
	s.tasks = append(s.tasks, f)
	if len(s.tasks) == 1 {
		signalEventfd(s.wakeup)
	}
}

// surely has the goroutine call f, even if no relay is left. Without descriptors
// for that it is an error.
func (s *shard) surely(f func()) error {
	if err := s.enter(); err != nil {
		return err
	}
	s.post(func() {
		defer s.leave()
		f()
	})
	return nil
}

// rouse ends the goroutine's wait.
func (s *shard) rouse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		signalEventfd(s.wakeup)
	}
}

// round has done called by the goroutine, or at once if that does not run.
func (s *shard) round(done func()) {
	s.mu.Lock()
	running := s.running
	if running {
		s.users++
	}
	s.mu.Unlock()
	if !running {
		done()
		return
	}
	s.post(func() {
		defer s.leave()
		done()
	})
}

func (s *shard) run() {
	defer s.engine.end()
	for s.inUse() {
		s.clock = 0
		events := s.wait()
		for _, event := range events {
			s.dispatch(event.Events, handle{uint32(event.Fd), uint32(event.Pad)})
		}
		s.hadWork = len(events) > 0
		s.runSoon()
		s.turnWheel()
		s.publish()
	}
}

// wait returns what has happened; that may be nothing.
func (s *shard) wait() []unix.EpollEvent {
	now := time.Now()
	if !s.pace.next(now, s.hadWork) {
		s.woken = false // they have a P, or get that of the shard
		return s.poller.park(s.nextTick())
	}
	if s.woken || now.Sub(s.gaveWay) >= slice {
		s.woken, s.gaveWay = false, now
		giveWay()
	}
	return s.poller.wait()
}

// giveWay lets those run who were woken: they may have no P but this. The scheduler takes
// one goroutine in 61 out of turn, and that is the shard then, so once is not enough.
func giveWay() {
	runtime.Gosched()
	runtime.Gosched()
}

// inUse reports whether there are relays, and closes the shard if not.
func (s *shard) inUse() bool {
	if s.relays.len() > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users > 0 {
		return true
	}
	s.running, s.tasks = false, nil
	s.endCarriers()
	_ = s.close()
	return false
}

// nextTick is when the wheel turns next; zero: it does not.
func (s *shard) nextTick() time.Time {
	if s.wheel.empty() {
		return time.Time{}
	}
	return s.started.Add(time.Duration(s.wheel.next) * tick)
}

// time is the present, as of this round.
func (s *shard) time() ticks {
	if s.clock == 0 {
		s.clock = ticks(time.Since(s.started) / tick)
	}
	return s.clock
}

func (s *shard) dispatch(events uint32, of handle) {
	switch of.kind() {
	case kindOwn:
		s.runTasks()
	case kindListener:
		if l := s.listenerAt(of.base()); l != nil {
			l.come(s)
		}
	case kindAwaited:
		if c := s.awaitedAt(of.base()); c != nil {
			c.wake(events)
		}
	default:
		if c := s.relays.get(of.base()); c != nil {
			c.wake(of.kind() == kindClient, events)
		}
	}
}

func (s *shard) runTasks() {
	s.runSoon() // tasks may be for a relay that is to start
	s.mu.Lock()
	tasks := s.tasks
	s.tasks = nil
	s.mu.Unlock()
	for _, f := range tasks {
		f()
		s.woken = true
	}
}

// runSoon calls what its coroutines have left to it.
func (s *shard) runSoon() {
	for i := 0; i < len(s.soon); i++ {
		s.soon[i]()
		s.soon[i] = nil
		s.woken = true
	}
	s.soon = s.soon[:0]
}

func (s *shard) turnWheel() {
	if s.wheel.empty() {
		return
	}
	s.wheel.advance(s.time(), func(h handle) {
		if h.kind() == kindAwaited {
			if c := s.awaitedAt(h.base()); c != nil {
				c.timeUp()
			}
		} else if c := s.relays.get(h.base()); c != nil {
			c.expire(s.wheel.now)
		}
	})
}

// publish tells what has passed in this round.
func (s *shard) publish() {
	s.public.bytesToNode.Store(s.toNode.bytes)
	s.public.bytesToClient.Store(s.toClient.bytes)
	s.public.messagesToNode.Store(s.toNode.messages)
	s.public.messagesToClient.Store(s.toClient.messages)
}

// watch has the epoll instance tell of these events of a leg and of no others;
// for none, of nothing, as it would tell of a broken connection for ever.
func (s *shard) watch(l *leg, leg handle, events uint32) error {
	op := unix.EPOLL_CTL_MOD
	switch {
	case events == l.watched || l.closed():
		return nil
	case events == 0:
		op = unix.EPOLL_CTL_DEL
	case l.watched == 0:
		op = unix.EPOLL_CTL_ADD
	}
	l.watched = events
	return s.poller.watch(op, l.fd, events, leg)
}

// What is watched is named by the handle of its relay, netConn or listener, with
// what it is in the lowest bits of the index.
const (
	kindClient = iota // a relay's leg
	kindNode          // the other one
	kindAwaited
	kindListener
	kindOwn = 7 // of the shard itself
)

func (h handle) of(kind uint32) handle { return handle{h.index<<3 | kind, h.generation} }
func (h handle) kind() uint32          { return h.index & 7 }
func (h handle) base() handle          { return handle{h.index >> 3, h.generation} }
