package relay

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is an epoll instance with one goroutine that waits for it, in one of
// two ways: see pace.
type poller struct {
	fd     int
	file   *os.File // of fd, for the runtime's poller
	raw    syscall.RawConn
	look   func(uintptr) bool // whether something is ready
	ready  int                // of events
	timer  int                // a timerfd: a timer of the runtime's would wake the scheduler, too
	until  time.Time          // when the timer ends a wait; zero: it does not
	events [256]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("timerfd_create", err), unix.Close(fd))
	}
	_ = unix.SetNonblock(fd, true) // os.NewFile wants that
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), timer: timer}
	p.look = func(uintptr) bool {
		p.ready = poll(p.fd, p.events[:], 0)
		return p.ready > 0
	}
	if err := p.begin(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// begin has the runtime's poller watch it, and it the timer.
func (p *poller) begin() (err error) {
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return err
	}
	if err = p.file.SetReadDeadline(time.Time{}); err != nil { // nobody watches it, and a park would not wait
		return err
	}
	return p.watchOwn(p.timer)
}

// wait returns what is ready. Without anything it waits, with its P, for a slice at the
// most, and may then return nothing.
func (p *poller) wait() []unix.EpollEvent {
	return p.events[:poll(p.fd, p.events[:], slice)]
}

// park returns what is ready. Without anything it waits, without its P, until then at the
// latest; the zero time is never. An event may be for no more than that.
func (p *poller) park(until time.Time) []unix.EpollEvent {
	if !until.Equal(p.until) {
		p.until = until
		p.setTimer()
	}
	p.ready = 0
	_ = p.raw.Read(p.look)
	return p.events[:p.ready]
}

func (p *poller) setTimer() {
	var at unix.ItimerSpec
	if !p.until.IsZero() {
		at.Value = unix.NsecToTimespec(max(1, int64(time.Until(p.until)))) // 0 would be never
	}
	setTimer(p.timer, &at)
}

func (p *poller) close() error { return errors.Join(unix.Close(p.timer), p.file.Close()) }

// watchOwn has it told that fd, an eventfd or a timerfd, is readable. As that is
// edge-triggered, it is told of at each write, and need not be read.
func (p *poller) watchOwn(fd int) error {
	return p.watch(unix.EPOLL_CTL_ADD, int32(fd), unix.EPOLLIN|unix.EPOLLET, ownHandle)
}

// watch has events of fd told with this data; op is EPOLL_CTL_….
func (p *poller) watch(op int, fd int32, events uint32, data handle) error {
	event := unix.EpollEvent{Events: events, Fd: int32(data.index), Pad: int32(data.generation)}
	return os.NewSyscallError("epoll_ctl", control(p.fd, op, fd, &event))
}
