package relay

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that a shard makes all the time go to the kernel directly: those
// of package syscall tell the scheduler first, which costs a tenth of the time
// of a relay, in case that they block. These do not, but for poll, which says
// why it may.

// recvfrom reads what the socket has, and os.ErrDeadlineExceeded is nothing.
func recvfrom(fd int32, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case again(errno):
		return 0, os.ErrDeadlineExceeded
	case errno != 0:
		return 0, os.NewSyscallError("recv", errno)
	case n == 0:
		return 0, io.EOF
	}
	return int(n), nil
}

// discard drops what the socket has.
func discard(fd int32) {
	const most = 1 << 20
	_, _, _ = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, most, unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
}

// sendto writes what the socket takes, which may be nothing.
func sendto(fd int32, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	switch {
	case again(errno):
		return 0, nil
	case errno != 0:
		return 0, os.NewSyscallError("send", errno)
	}
	return int(n), nil
}

func again(errno syscall.Errno) bool { return errno == unix.EAGAIN || errno == unix.EINTR }

// poll is epoll_wait, for as long as no signal comes.
func poll(fd int, events []unix.EpollEvent) int {
	const forever = ^uintptr(0)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), forever, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// duplicate is a second descriptor of a connection, without any of what the
// net package keeps for it. The caller closes it.
func duplicate(conn *net.TCPConn) (int32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	if controlErr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); controlErr != nil {
		return -1, controlErr
	}
	return int32(fd), os.NewSyscallError("fcntl", err)
}

// setUserTimeout sets TCP_USER_TIMEOUT.
func setUserTimeout(conn *net.TCPConn, d time.Duration) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}

// control is epoll_ctl.
func control(epoll, op int, fd int32, event *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(event)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// ring wakes who waits for an eventfd.
func ring(fd int) {
	one := [8]byte{1} // in either byte order it is not 0
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), uintptr(len(one)))
}
