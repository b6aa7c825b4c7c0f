package relay

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// netConn is a TCP connection that a shard watches in the net package's place:
// until its relay starts for whoever reads and writes it, from then on for the
// relay, which takes the descriptor over. So a relay's connections need no
// second descriptor, and no poller that they must be taken away from.
//
// Its methods may be called concurrently.
type netConn struct {
	shard   *shard
	waiter  *coroutine // who reads and writes, if it is one
	handle  handle
	wakes   ticks // when the shard's wheel does, which the shard alone looks at; 0: never
	remote  netip.AddrPort
	in, out signal
	reading sync.Mutex // held by who reads
	writing sync.Mutex // held by who writes

	mu    sync.Mutex // so that no call meets a descriptor that has come back
	fd    int32      // -1: closed, or a relay's
	ended bool       // the other side has, or its half of the connection
	told  func()     // when it has; nil: nobody is, or was already
}

// newNetConn takes the descriptor over, and closes it upon an error.
func newNetConn(s *shard, fd int32, remote netip.AddrPort) (*netConn, error) {
	c, err := unwatched(s, fd, remote, nil)
	if err != nil {
		return nil, err
	}
	if err := c.watch(unix.EPOLL_CTL_ADD, false); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// unwatched is a netConn that its shard does not watch so far.
func unwatched(s *shard, fd int32, remote netip.AddrPort, waiter *coroutine) (*netConn, error) {
	if err := s.enter(); err != nil {
		_ = closeFD(fd)
		return nil, err
	}
	c := &netConn{shard: s, fd: fd, remote: remote, waiter: waiter}
	c.in.conn, c.out.conn = c, c
	c.handle = s.await(c)
	return c, nil
}

// adopt makes a connection that the net package has made one of a shard's, and
// leaves its own descriptor open. One that is a shard's already stays as it is.
func (s *shard) adopt(conn net.Conn) (*netConn, error) {
	if c, ok := conn.(*netConn); ok {
		return c, nil
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errNotTakeable
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return nil, err
	}
	from, _ := netip.ParseAddrPort(tcp.RemoteAddr().String())
	return newNetConn(s, fd, from)
}

// watchedForNetConn is what comes.
const watchedForNetConn = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// watch has the shard tell of what comes, once each time; and, where somebody
// waits for it, that more can be sent.
func (c *netConn) watch(op int, out bool) error {
	events := uint32(watchedForNetConn)
	if out {
		events |= unix.EPOLLOUT
	}
	return c.shard.poller.watch(op, c.fd, events, c.handle.of(kindAwaited))
}

// wake is told what has happened, by the shard.
func (c *netConn) wake(events uint32) {
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.ends()
	}
	if events&^unix.EPOLLOUT != 0 {
		c.in.setOn(c.shard)
	}
	if events&^(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
		c.out.setOn(c.shard)
	}
}

// wakeAt has the shard's wheel wake it in time for a deadline. It must be called on the shard.
func (c *netConn) wakeAt(deadline time.Time) {
	now := c.shard.time()
	if at := now.later(time.Until(deadline)); at.earlier(c.wakes) != c.wakes {
		c.wakes = c.shard.wheel.add(c.handle.of(kindAwaited), now, at)
	}
}

// timeUp is told when the wheel has come to a deadline, or to what was one.
func (c *netConn) timeUp() {
	c.wakes = 0
	c.in.timeUp()
	c.out.timeUp()
}

// ends is told that the other side has ended, by the shard.
func (c *netConn) ends() {
	c.mu.Lock()
	told := c.told
	c.ended, c.told = true, nil
	c.mu.Unlock()
	if told != nil {
		told()
	}
}

// tell has f called once the other side has ended, if that is to come; nil: nobody is
// told any more.
func (c *netConn) tell(f func()) {
	c.mu.Lock()
	ended := c.ended
	c.told = f
	c.mu.Unlock()
	if ended && f != nil {
		c.ends()
	}
}

// hasEnded is whether the other side has.
func (c *netConn) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Read implements net.Conn.
func (c *netConn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		if err := c.in.wait(c.waiter); err != nil {
			return 0, err
		}
		n, err := c.receive(b)
		if err != os.ErrDeadlineExceeded {
			c.in.set() // there may be more
			return n, err
		}
	}
}

// receive returns os.ErrDeadlineExceeded when nothing is there.
func (c *netConn) receive(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	return recvfrom(c.fd, b)
}

// Write implements net.Conn.
func (c *netConn) Write(b []byte) (written int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for {
		n, err := c.send(b[written:])
		if written += n; err != nil || written == len(b) {
			return written, err
		}
		if err := c.out.wait(c.waiter); err != nil {
			return written, err
		}
	}
}

// send has the shard tell when what was not taken can be sent.
func (c *netConn) send(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	if c.out.isLate() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := sendto(c.fd, b)
	if err == nil && n < len(b) {
		err = c.watch(unix.EPOLL_CTL_MOD, true)
	}
	return n, err
}

// Close implements net.Conn.
func (c *netConn) Close() error { return c.drop(c.take()) }

// drop closes the descriptor, which was taken.
func (c *netConn) drop(fd int32) error {
	if fd < 0 {
		return net.ErrClosed
	}
	err := closeFD(fd)
	c.shard.leave()
	return err
}

// moveTo leaves the descriptor, which was taken, to shard s, and tells for which
// events s watches it so far.
func (c *netConn) moveTo(s *shard, fd int32) (watched uint32) {
	if c.shard != s {
		_ = c.shard.poller.watch(unix.EPOLL_CTL_DEL, fd, 0, handle{})
	} else {
		watched = watchedForNetConn
	}
	c.shard.leave()
	return watched
}

// take takes the descriptor, with the duty to leave the shard; -1: there is
// none any more.
func (c *netConn) take() (fd int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd, c.fd = c.fd, -1
	if fd >= 0 {
		c.shard.forget(c.handle)
	}
	c.in.set()
	c.out.set()
	return fd
}

// CloseWrite closes the writing side.
func (c *netConn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return shutdown(c.fd)
}

// SetDeadline implements net.Conn.
func (c *netConn) SetDeadline(t time.Time) error {
	c.in.limit(t)
	c.out.limit(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *netConn) SetReadDeadline(t time.Time) error {
	c.in.limit(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *netConn) SetWriteDeadline(t time.Time) error {
	c.out.limit(t)
	return nil
}

// RemoteAddr implements net.Conn.
func (c *netConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// RemoteAddrPort is RemoteAddr for less.
func (c *netConn) RemoteAddrPort() netip.AddrPort { return c.remote }

// LocalAddr implements net.Conn.
func (c *netConn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch a, _ := unix.Getsockname(int(c.fd)); a := a.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	}
	return &net.TCPAddr{}
}
