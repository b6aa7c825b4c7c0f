package relay

import (
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that a shard makes all the time go to the kernel directly: those
// of package syscall tell the scheduler first, which costs a tenth of the time
// of a relay, in case that they block. These do not, but for poll: see pace.

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

// poll is epoll_wait, for so long or until a signal comes.
func poll(fd int, events []unix.EpollEvent, long time.Duration) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(long.Milliseconds()), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// setOption sets an option of a socket.
func setOption(fd int32, level, option, value int) error {
	v := int32(value)
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// connect begins to connect, or tells how far that has come: EINPROGRESS, and
// then EALREADY, is not yet.
func connect(fd int32, to netip.AddrPort) error {
	var v4 unix.RawSockaddrInet4
	var v6 unix.RawSockaddrInet6
	address, size := unsafe.Pointer(&v4), unsafe.Sizeof(v4)
	if to.Addr().Is4() {
		v4.Family, v4.Addr, v4.Port = unix.AF_INET, to.Addr().As4(), bigEndian(to.Port())
	} else {
		v6.Family, v6.Addr, v6.Port = unix.AF_INET6, to.Addr().As16(), bigEndian(to.Port())
		address, size = unsafe.Pointer(&v6), unsafe.Sizeof(v6)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(address), size)
	if errno != 0 {
		return errno
	}
	return nil
}

// connectedToItself is what becomes of a connect to a port of this machine where
// nobody listens, when the kernel chooses that port for our end, too.
func connectedToItself(fd int32, port uint16) bool {
	ours, err := addressOf(unix.SYS_GETSOCKNAME, fd)
	if err != nil || ours.Port() != port {
		return false
	}
	theirs, err := addressOf(unix.SYS_GETPEERNAME, fd)
	return err == nil && ours == theirs
}

// addressOf is the address of one end of a connection; call says of which.
func addressOf(call uintptr, fd int32) (netip.AddrPort, error) {
	var address unix.RawSockaddrInet6 // has room for both
	size := uint32(unsafe.Sizeof(address))
	_, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}, errno
	}
	return addrPort(&address), nil
}

// bigEndian is a port as a socket's address has it, and the other way round.
func bigEndian(port uint16) (raw uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw))[:], port)
	return raw
}

// accept takes the next connection; EAGAIN is that there is none.
func accept(listening int32) (fd int32, from netip.AddrPort, err error) {
	for {
		var address unix.RawSockaddrInet6 // has room for both
		size := uint32(unsafe.Sizeof(address))
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(&address)),
			uintptr(unsafe.Pointer(&size)), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		switch errno {
		case 0:
			return int32(n), addrPort(&address), nil
		case unix.EINTR, unix.ECONNABORTED: // the next one may be there
		default:
			return -1, from, errno
		}
	}
}

// closeFD gives a descriptor back.
func closeFD(fd int32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("close", errno)
	}
	return nil
}

// shutdown closes the writing side.
func shutdown(fd int32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	if errno != 0 {
		return os.NewSyscallError("shutdown", errno)
	}
	return nil
}

// duplicate is a second descriptor of a socket, without any of what the net
// package keeps for it. The caller closes it.
func duplicate(socket syscall.Conn) (int32, error) {
	raw, err := socket.SyscallConn()
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

// control is epoll_ctl.
func control(epoll, op int, fd int32, event *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(event)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// setTimer sets a timerfd.
func setTimer(fd int, to *unix.ItimerSpec) {
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), 0, uintptr(unsafe.Pointer(to)), 0, 0, 0)
}

// signalEventfd wakes the goroutine that waits for an eventfd.
func signalEventfd(fd int) {
	one := [8]byte{1} // in either byte order it is not 0
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), uintptr(len(one)))
}
