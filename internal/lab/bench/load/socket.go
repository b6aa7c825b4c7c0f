//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fermata/internal/lab/bench/poll"
)

// patience is how long a client waits while it connects.
const patience = 15 * time.Second

// socket is a client's, as the part of a net.Conn that crypto/tls uses. It
// blocks while the client connects; then Read returns what is there, or
// os.ErrDeadlineExceeded, after which crypto/tls reads on as if nothing was.
type socket struct {
	net.Conn // nil: crypto/tls calls only what is below
	fd       int
	blocking bool
}

// dial connects from a source address, by whose choice there are as many ports
// as it takes.
func dial(from netip.Addr, to netip.AddrPort) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	wait := unix.NsecToTimeval(int64(patience))
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), // no TIME_WAIT
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
	if err == nil {
		err = finish(fd, unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}))
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("connect to %v from %v: %w", to, from, err)
	}
	return &socket{fd: fd, blocking: true}, nil
}

// finish waits for a connect that one of the runtime's signals interrupted: it
// goes on by itself, and must not be called again.
func finish(fd int, err error) error {
	if !errors.Is(err, unix.EINTR) {
		return err
	}
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(patience.Milliseconds()))
	}
	if err != nil {
		return err
	}
	if failed, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || failed != 0 {
		return errors.Join(err, syscall.Errno(failed))
	}
	_, err = unix.Getpeername(fd) // errors where the time was too short
	return err
}

// again repeats a blocking call that a signal interrupted.
func again(call func(int, []byte) (int, error), fd int, p []byte) (n int, err error) {
	for {
		if n, err = call(fd, p); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// unblock ends the time of connecting.
func (s *socket) unblock() error {
	s.blocking = false
	return unix.SetNonblock(s.fd, true)
}

func (s *socket) Read(p []byte) (n int, err error) {
	if s.blocking {
		n, err = again(unix.Read, s.fd, p)
	} else {
		n, err = poll.Read(s.fd, p)
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write takes everything, because crypto/tls cannot write on after an error.
// What a client sends is small, so that it hardly ever waits.
func (s *socket) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := s.writeOnce(p[written:])
		switch {
		case err == nil:
			written += n
		case s.blocking || !errors.Is(err, unix.EAGAIN):
			return written, os.NewSyscallError("write", err)
		default:
			unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, 100)
		}
	}
	return written, nil
}

func (s *socket) writeOnce(p []byte) (int, error) {
	if s.blocking {
		return again(unix.Write, s.fd, p)
	}
	return poll.Write(s.fd, p)
}

func (s *socket) Close() error { return unix.Close(s.fd) }
