package relay

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is an epoll instance. Who waits for it is parked, as the Go runtime's
// own poller watches the instance's descriptor: waiting in epoll_wait itself
// would keep one of GOMAXPROCS busy for the scheduler, which then looks after
// it every 20 µs, and makes a wake-up cost three times as much.
type poller struct {
	fd     int
	file   *os.File
	raw    syscall.RawConn
	ask    func(uintptr) bool // fills ready; made once
	until  time.Time          // the deadline that is set; zero: none
	events [256]unix.EpollEvent
	ready  int // of events
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile wants that
		return nil, errors.Join(err, unix.Close(fd))
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.ask = func(uintptr) bool {
		p.ready = poll(fd, p.events[:])
		return p.ready > 0
	}
	return p, nil
}

// wait returns what is ready. Without anything it waits, and returns nothing
// at until; the zero time is never.
func (p *poller) wait(until time.Time) []unix.EpollEvent {
	if p.ask(0) {
		runtime.Gosched() // who always has something to do lets others work, too
		return p.events[:p.ready]
	}
	if !until.Equal(p.until) {
		p.until = until
		_ = p.file.SetReadDeadline(until)
	}
	_ = p.raw.Read(p.ask)
	return p.events[:p.ready]
}

func (p *poller) close() error { return p.file.Close() }

// watch has events of fd told with this data; op is EPOLL_CTL_….
func (p *poller) watch(op int, fd int32, events uint32, data handle) error {
	event := unix.EpollEvent{Events: events, Fd: int32(data.index), Pad: int32(data.generation)}
	return os.NewSyscallError("epoll_ctl", control(p.fd, op, fd, &event))
}
