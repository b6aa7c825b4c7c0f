package relay

import (
	"errors"
	"os"
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
	public struct {
		bytesToNode, bytesToClient       atomic.Int64
		messagesToNode, messagesToClient atomic.Int64
	}

	mu      sync.Mutex
	relays  int      // that have entered and not left
	running bool     // the goroutine, which ends without relays
	mail    []func() // for it to do
	epoll   int      // while it runs, which alone closes it
	bell    int      // an eventfd that rings when there is mail

	// All below is the goroutine's.
	conns            table[epollConn]
	wheel            wheel
	started          time.Time // of the wheel's time
	clock            ticks     // 0: not looked at in this round
	toNode, toClient passed    // becomes public after each round
	wire             wire
	space            *space
}

// space is what a shard works in.
type space struct {
	buffer buffer
	raw    [rawSize]byte
	events [256]unix.EpollEvent
}

func newShard(engine *count) *shard {
	return &shard{engine: engine, started: time.Now().Add(-tick), space: new(space)}
}

// enter makes sure that the shard runs until one more relay has left.
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
	s.relays++
	return nil
}

func (s *shard) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays--
}

// bellEvent is edge-triggered: it rings at each write, and need not be read.
var bellEvent = unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: -1}

func (s *shard) open() (err error) {
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if s.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return errors.Join(os.NewSyscallError("eventfd", err), unix.Close(s.epoll))
	}
	event := bellEvent
	if err = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, s.bell, &event); err != nil {
		return errors.Join(os.NewSyscallError("epoll_ctl", err), s.close())
	}
	return nil
}

func (s *shard) close() error { return errors.Join(unix.Close(s.bell), unix.Close(s.epoll)) }

// post has the goroutine call f, unless no relay is left.
func (s *shard) post(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return
	}
	s.mail = append(s.mail, f)
	if len(s.mail) == 1 {
		ring(s.bell)
	}
}

func (s *shard) run() {
	defer s.engine.end()
	for s.inUse() {
		for _, event := range s.wait() {
			s.dispatch(event)
		}
		s.turnWheel()
		s.publish()
	}
}

// inUse reports whether there are relays, and closes the shard if not.
func (s *shard) inUse() bool {
	if s.conns.len() > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.relays > 0 {
		return true
	}
	s.running, s.mail = false, nil
	_ = s.close()
	return false
}

// wait returns what has happened, at the latest at the wheel's next tick. As
// long as something always has, it does not bother the scheduler.
func (s *shard) wait() []unix.EpollEvent {
	events := s.space.events[:]
	n := poll(s.epoll, events)
	if n == 0 {
		n, _ = unix.EpollWait(s.epoll, events, s.patience())
	}
	s.clock = 0
	return events[:max(n, 0)]
}

// patience is in milliseconds; -1 is for ever.
func (s *shard) patience() int {
	if s.wheel.empty() {
		return -1
	}
	next := s.started.Add(time.Duration(s.wheel.now+1) * tick)
	return int(max(0, time.Until(next)+time.Millisecond-1) / time.Millisecond)
}

// time is the present, as of this round.
func (s *shard) time() ticks {
	if s.clock == 0 {
		s.clock = ticks(time.Since(s.started) / tick)
	}
	return s.clock
}

func (s *shard) dispatch(event unix.EpollEvent) {
	if event.Fd == bellEvent.Fd {
		s.readMail()
		return
	}
	h := handle{uint32(event.Fd) >> 1, uint32(event.Pad)}
	if c := s.conns.get(h); c != nil {
		c.wake(event.Fd&1 == 0, event.Events)
	}
}

func (s *shard) readMail() {
	s.mu.Lock()
	mail := s.mail
	s.mail = nil
	s.mu.Unlock()
	for _, f := range mail {
		f()
	}
}

func (s *shard) turnWheel() {
	if s.wheel.empty() {
		return
	}
	s.wheel.advance(s.time(), func(h handle) {
		if c := s.conns.get(h); c != nil {
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
	event := unix.EpollEvent{Events: events, Fd: int32(leg.index), Pad: int32(leg.generation)}
	return os.NewSyscallError("epoll_ctl", control(s.epoll, op, l.fd, &event))
}

// The handle of a leg is its relay's, with the leg in the lowest bit of the
// index: 0 is the client's.

func (h handle) client() handle { return handle{h.index << 1, h.generation} }
func (h handle) node() handle   { return handle{h.index<<1 | 1, h.generation} }
