//go:build linux

// Package poll is what the benchmark's node and load generator read and write
// by: one epoll instance, and system calls that do not hand the processor over.
package poll

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller waits for many sockets, level-triggered. Wait belongs to one
// goroutine; the other methods may be called concurrently.
type Poller struct {
	fd     int
	events []unix.EpollEvent
}

// New opens a Poller; the caller closes it.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open epoll: %w", err)
	}
	return &Poller{fd: fd, events: make([]unix.EpollEvent, 256)}, nil
}

// Close leaves the sockets open.
func (p *Poller) Close() error { return unix.Close(p.fd) }

// Add waits for fd to be readable, until it is closed.
func (p *Poller) Add(fd int) error { return p.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN) }

// Want also waits for fd to be writable, or no longer.
func (p *Poller) Want(fd int, write bool) error {
	var events uint32 = unix.EPOLLIN
	if write {
		events |= unix.EPOLLOUT
	}
	return p.control(unix.EPOLL_CTL_MOD, fd, events)
}

func (p *Poller) control(op, fd int, events uint32) error {
	if err := unix.EpollCtl(p.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// Wait returns what is ready, nothing if that takes longer than timeout; a
// negative one waits for ever. The result is good until the next Wait.
func (p *Poller) Wait(timeout time.Duration) ([]unix.EpollEvent, error) {
	var spec *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout))
		spec = &t
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(spec)), 0, 0)
	switch errno {
	case 0:
		return p.events[:n], nil
	case unix.EINTR:
		return nil, nil
	}
	return nil, fmt.Errorf("wait for epoll: %w", errno)
}

// Precise makes the kernel keep the calling thread's timeouts to the
// microsecond, where it otherwise bundles 50. The goroutine must be locked to
// its thread.
func Precise() error { return unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// Read reads from a non-blocking socket. It returns unix.EAGAIN when there is
// nothing, and 0 at the end.
func Read(fd int, p []byte) (int, error) { return call(unix.SYS_READ, fd, p) }

// Write writes what a non-blocking socket takes at once, unix.EAGAIN being
// nothing.
func Write(fd int, p []byte) (int, error) { return call(unix.SYS_WRITE, fd, p) }

func call(trap uintptr, fd int, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
