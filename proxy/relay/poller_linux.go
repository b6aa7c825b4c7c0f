package relay

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// poller is an epoll instance with one goroutine that waits for it, in one of
// two ways.
//
// While it is busy it keeps its P, without which no goroutine runs, through the
// wait: so waking up costs what it costs a program in C, and no timer is set.
// Whoever has kept a P for 10 ms is sent a signal by the scheduler, and so is
// everybody who holds up the garbage collector; it ends the wait. When nothing has
// come between a few of them, the goroutine waits in an ordinary system call, which
// leaves the P to others and lets the scheduler sleep.
//
// Measured with 5,000 round trips a second: parked in the runtime's own poller,
// which watches this one, a round trip costs 17 % more, and with ordinary
// system calls alone 14 %. To wait in one of those after a signal costs more, as the
// scheduler then looks every 20 µs and gives the P to another thread: with 500
// round trips a second 5–18 %, and with 20 or 100 twice as much. With a P that nobody
// has, each signal would also wake a thread that looks for work: 10 %, with 500 round
// trips a second. So there is none when all shards are busy, and other goroutines run
// when a shard has woken them or, up to 10 ms later, when it is sent a signal.
type poller struct {
	fd     int
	keeps  bool // the P when it is busy; not without those signals
	keep   int  // it for so many signals more; 0: it is not busy
	events [256]unix.EpollEvent
}

// busy is how many signals without anything else end it: a tenth of a second.
const busy = 10

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{fd: fd, keeps: !strings.Contains(os.Getenv("GODEBUG"), "asyncpreemptoff=1")}, nil
}

// wait returns what is ready. Without anything it waits, and returns nothing
// at until or, as its waiter looks at the time anyway, a few milliseconds
// later; the zero time is never. It may return nothing before.
func (p *poller) wait(until time.Time) []unix.EpollEvent {
	n := 0
	if p.keep > 0 {
		p.keep--
		n = poll(p.fd, p.events[:])
	} else {
		n, _ = unix.EpollWait(p.fd, p.events[:], milliseconds(until))
	}
	if n = max(n, 0); n > 0 && p.keeps {
		p.keep = busy
	}
	return p.events[:n]
}

// milliseconds is the time until then as epoll_wait wants it.
func milliseconds(until time.Time) int {
	if until.IsZero() {
		return -1
	}
	return max(0, int((time.Until(until)+time.Millisecond-1)/time.Millisecond))
}

func (p *poller) close() error { return unix.Close(p.fd) }

// watch has events of fd told with this data; op is EPOLL_CTL_….
func (p *poller) watch(op int, fd int32, events uint32, data handle) error {
	event := unix.EpollEvent{Events: events, Fd: int32(data.index), Pad: int32(data.generation)}
	return os.NewSyscallError("epoll_ctl", control(p.fd, op, fd, &event))
}
