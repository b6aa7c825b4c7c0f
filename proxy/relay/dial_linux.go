package relay

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Dial implements Engine. What it connects to a literal address belongs to a
// shard from the beginning, which saves a relay the net package's part of it: a
// poller that it would have to be taken away from, a second descriptor, and a
// dozen system calls. A name is left to the net package.
func (e *Epoll) Dial(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Addr().Zone() != "" {
		Aside(ctx)
		return e.dialer.DialContext(ctx, "tcp", address)
	}
	by, s := coroutineOf(ctx), (*shard)(nil)
	if by != nil {
		s = by.shard
	} else {
		s = e.nextShard()
	}
	c, err := s.dial(ctx, to, by)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return c, nil
}

func (s *shard) dial(ctx context.Context, to netip.AddrPort, by *coroutine) (*netConn, error) {
	fd, err := newSocket(to)
	if err != nil {
		return nil, err
	}
	c, err := unwatched(s, fd, to, by)
	if err != nil {
		return nil, err
	}
	if err := c.connect(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// newSocket is one to connect to an address of this family.
func newSocket(to netip.AddrPort) (fd int32, err error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	s, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	fd = int32(s)
	err = cmp.Or(
		setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		setOption(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		setOption(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(nodeSilence.Seconds())),
	)
	if err != nil {
		_ = closeFD(fd)
		return -1, os.NewSyscallError("setsockopt", err)
	}
	return fd, nil
}

// connect returns once the node has accepted.
func (c *netConn) connect(ctx context.Context) error {
	err := connect(c.fd, c.remote)
	if err == unix.EINPROGRESS {
		err = connect(c.fd, c.remote) // on loopback it has by now
	}
	pending := err == unix.EALREADY
	if err == nil || pending {
		err = c.watch(unix.EPOLL_CTL_ADD, pending)
	}
	if err == nil && pending {
		err = c.connected(ctx)
	}
	if err == nil && connectedToItself(c.fd, c.remote.Port()) {
		err = unix.ECONNREFUSED
	}
	return os.NewSyscallError("connect", err)
}

// connected waits until the node has accepted, or ctx ends. Out of time is
// os.ErrDeadlineExceeded, whoever notices it first.
func (c *netConn) connected(ctx context.Context) error {
	by, _ := ctx.Deadline()
	_ = c.SetDeadline(by)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	var err error = unix.EALREADY
	for err == unix.EALREADY {
		if err = c.out.wait(c.waiter); err == nil {
			err = connect(c.fd, c.remote)
		}
	}
	switch {
	case stop():
		_ = c.SetDeadline(time.Time{})
		return err
	case ctx.Err() == context.DeadlineExceeded:
		return os.ErrDeadlineExceeded
	}
	return context.Cause(ctx)
}
