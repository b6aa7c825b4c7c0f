package relay

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Listener implements Engine. The connections belong to a shard from the
// beginning. l must be a net.TCPListener.
func (e *Epoll) Listener(l net.Listener, in Incoming) (Listener, error) {
	defer l.Close()
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("relay: got a listener of type %T, want one of TCP", l)
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return nil, err
	}
	// The connections inherit it.
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return &listener{engine: e, fd: fd, address: l.Addr(), in: in, news: make(chan struct{}, 1)}, nil
}

// listener is a listening socket that the shards watch in turn, each until somebody
// has come: so they get the same number of clients, and none is woken for a client
// that another one accepts.
type listener struct {
	engine  *Epoll
	address net.Addr
	in      Incoming
	news    chan struct{} // has one for an Accept that waits

	mu       sync.Mutex // held through an accept, so that none is under way after Pause
	fd       int32      // -1: closed
	accepts  bool       // Accept was called, and nothing has failed since
	paused   bool
	at       *shard // which watches it; nil: none does
	handle   handle // there
	accepted []net.Conn
	failed   error // what Accept returns next; nil: nothing has failed
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.next()
		if conn != nil || err != nil {
			return conn, err
		}
		<-l.news
	}
}

// next is what is there, without waiting.
func (l *listener) next() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		l.tell() // others who wait
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: net.ErrClosed}
	}
	if len(l.accepted) > 0 {
		conn := l.accepted[0]
		l.accepted[0], l.accepted = nil, l.accepted[1:]
		return conn, nil
	}
	if err := l.failed; err != nil {
		l.failed = nil
		return nil, l.failure(err)
	}
	l.accepts = true
	l.watch()
	return nil, nil
}

func (l *listener) failure(err error) error {
	return acceptError{&net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: err}}
}

// acceptError is one connection that could not be had, for want of descriptors
// or memory mostly. The next one may be, so that it is temporary, whatever it is:
// http.Server ends with the first error that is not, and tries again a little later.
type acceptError struct{ *net.OpError }

func (acceptError) Temporary() bool { return true }
func (e acceptError) Unwrap() error { return e.OpError }

// tell has an Accept look again.
func (l *listener) tell() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// watch has a shard watch the socket, unless one does or none should. mu is held.
func (l *listener) watch() {
	if l.at != nil || l.fd < 0 || l.paused || !l.accepts {
		return
	}
	s := l.engine.nextShard()
	err := s.enter()
	if err == nil {
		l.at, l.handle = s, s.accept(l)
		if err = s.poller.watch(unix.EPOLL_CTL_ADD, l.fd, unix.EPOLLIN, l.handle.of(kindListener)); err != nil {
			l.unwatch()
		}
	}
	if err != nil {
		l.fail(err)
	}
}

// unwatch undoes watch. mu is held.
func (l *listener) unwatch() {
	if s := l.at; s != nil {
		_ = s.poller.watch(unix.EPOLL_CTL_DEL, l.fd, 0, handle{})
		s.acceptNoMore(l.handle)
		l.at = nil
		s.leave()
	}
}

// fail has Accept return the error, and nobody come in before it is called again. mu is
// held.
func (l *listener) fail(err error) {
	l.unwatch()
	l.failed, l.accepts = err, false
	l.tell()
}

// mostAtOnce is how many are accepted before the next shard is to do that.
const mostAtOnce = 16

// come is told that somebody has come, by the shard.
func (l *listener) come(s *shard) {
	var came [mostAtOnce]newcomer
	for _, n := range came[:l.take(s, came[:])] {
		if err := l.admit(s, n); err != nil {
			l.mu.Lock()
			l.fail(err)
			l.mu.Unlock()
		}
	}
}

// newcomer is a connection that was accepted.
type newcomer struct {
	fd   int32
	from netip.AddrPort
}

// take accepts those who have come, as far as there is room, and leaves the next to
// the next shard.
func (l *listener) take(s *shard, came []newcomer) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at != s {
		return 0 // it is paused by now, or closed
	}
	for ; n < len(came); n++ {
		fd, from, err := accept(l.fd)
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			l.fail(os.NewSyscallError("accept4", err))
			return n
		}
		came[n] = newcomer{fd, from}
	}
	l.unwatch()
	l.watch()
	return n
}

// admit lets one in.
func (l *listener) admit(s *shard, n newcomer) error {
	conn, err := newNetConn(s, n.fd, n.from)
	if err != nil {
		return err
	}
	entered := l.in.Enter.of(conn)
	if entered == nil {
		return nil
	}
	outer := l.in.secure(&lower{entered})
	if l.in.First == nil {
		l.pass(outer)
		s.woken = true
		return nil
	}
	err = s.begin(conn, func(ctx context.Context) {
		if left := l.in.First(ctx, outer); left != nil {
			Leave(ctx)
			conn.waiter = nil
			l.pass(left)
		}
	})
	if err != nil {
		conn.Close()
	}
	return err
}

// pass leaves a connection to Accept.
func (l *listener) pass(conn net.Conn) {
	l.mu.Lock()
	closed := l.fd < 0
	if !closed {
		l.accepted = append(l.accepted, conn)
		l.tell()
	}
	l.mu.Unlock()
	if closed {
		conn.Close()
	}
}

// Pause implements Listener.
func (l *listener) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = true
	l.unwatch()
}

// Resume implements Listener.
func (l *listener) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = false
	l.watch()
}

// File implements Listener.
func (l *listener) File() (*os.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fd, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), l.address.String()), nil
}

// Close implements net.Listener. Connections that Accept has not returned are closed.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return net.ErrClosed
	}
	l.unwatch()
	fd := l.fd
	l.fd = -1
	for _, conn := range l.accepted {
		conn.Close()
	}
	l.accepted = nil
	l.tell()
	return closeFD(fd)
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.address }

// addrPort is a socket's address, of IPv4 or IPv6.
func addrPort(a *unix.RawSockaddrInet6) netip.AddrPort {
	if a.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), bigEndian(v4.Port))
	}
	ip := netip.AddrFrom16(a.Addr)
	if a.Scope_id != 0 {
		ip = ip.WithZone(strconv.Itoa(int(a.Scope_id)))
	}
	return netip.AddrPortFrom(ip, bigEndian(a.Port))
}
