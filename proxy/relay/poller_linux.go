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
// everybody who holds up the garbage collector; it ends the wait. When little has
// come between two of them, the goroutine waits in an ordinary system call, which
// leaves the P to others and lets the scheduler sleep.
//
// Measured with 5,000 round trips a second: parked in the runtime's own poller,
// which watches this one, a round trip costs 17 % more, and with ordinary
// system calls alone 14 %; with one of those after each signal, also when there
// is much to do, 1–6 %, as the scheduler then looks every 20 µs and gives the P to
// another thread. Each waiter takes a P from the others, so there must be more of
// them: see the shards of internal/app.
type poller struct {
	fd     int
	keeps  bool // the P when it is busy; not without those signals
	rounds int  // that brought something since the last signal or ordinary wait
	events [256]unix.EpollEvent
}

// busy is how many rounds between two signals are worth a P.
const busy = 8

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
	if p.keeps && p.rounds > 0 {
		if n := poll(p.fd, p.events[:]); n > 0 {
			p.rounds++
			return p.events[:n]
		}
		if p.rounds > busy {
			p.rounds = 1
			return nil
		}
	}
	n, _ := unix.EpollWait(p.fd, p.events[:], milliseconds(until))
	n = max(n, 0)
	p.rounds = min(n, 1)
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
