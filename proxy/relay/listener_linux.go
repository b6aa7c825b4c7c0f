package relay

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Listener implements Engine. The connections belong to a shard from the
// beginning. l must be a net.TCPListener.
func (e *Epoll) Listener(l net.Listener, enter Enter) (Listener, error) {
	defer l.Close()
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("relay: got a listener of type %T, want one of TCP", l)
	}
	file, err := tcp.File()
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	_ = raw.Control(func(fd uintptr) { // the connections inherit it
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	})
	return &listener{engine: e, file: file, raw: raw, address: l.Addr(), enter: enter}, nil
}

// listener is a listening socket, another descriptor of a net.TCPListener's, as
// that does not let others accept.
type listener struct {
	engine  *Epoll
	file    *os.File
	raw     syscall.RawConn
	address net.Addr
	enter   Enter // nil: all come in as they are

	mu      sync.Mutex    // held through an accept, so that none is under way after Pause
	resumed chan struct{} // closed by Resume; nil: there is no pause
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.next()
		if err != nil {
			return nil, err
		}
		if entered := l.enter.of(conn); entered != nil {
			return &lower{entered}, nil
		}
	}
}

// next is the next connection.
func (l *listener) next() (net.Conn, error) {
	fd, from, err := l.take()
	for err == errPaused {
		l.waitForResume()
		fd, from, err = l.take()
	}
	if errno, ok := err.(syscall.Errno); ok {
		return nil, l.failed(os.NewSyscallError("accept4", errno))
	}
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: net.ErrClosed}
	}
	conn, err := newNetConn(l.engine.nextShard(), fd, from)
	if err != nil {
		return nil, l.failed(err)
	}
	return conn, nil
}

// errPaused is that somebody wants to come in during a pause.
var errPaused = errors.New("the listener is paused")

// take waits for the next one.
func (l *listener) take() (fd int32, from netip.AddrPort, err error) {
	closed := l.raw.Read(func(listening uintptr) bool {
		fd, from, err = l.accept(int32(listening))
		return err != unix.EAGAIN
	})
	return fd, from, cmp.Or(closed, err)
}

func (l *listener) accept(listening int32) (fd int32, from netip.AddrPort, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resumed != nil {
		return -1, from, errPaused
	}
	return accept(listening)
}

func (l *listener) waitForResume() {
	l.mu.Lock()
	resumed := l.resumed
	l.mu.Unlock()
	if resumed != nil {
		<-resumed
	}
}

// Pause implements Listener.
func (l *listener) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resumed == nil {
		l.resumed = make(chan struct{})
	}
}

// Resume implements Listener.
func (l *listener) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resumed != nil {
		close(l.resumed)
		l.resumed = nil
	}
}

// File implements Listener.
func (l *listener) File() (*os.File, error) {
	fd, err := duplicate(l.file)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), l.file.Name()), nil
}

func (l *listener) failed(err error) error {
	return acceptError{&net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: err}}
}

// acceptError is one connection that could not be had, for want of descriptors
// or memory mostly. The next one may be, so that it is temporary, whatever it is:
// http.Server ends with the first error that is not.
type acceptError struct{ *net.OpError }

func (acceptError) Temporary() bool { return true }
func (e acceptError) Unwrap() error { return e.OpError }

// Close implements net.Listener.
func (l *listener) Close() error {
	defer l.Resume()
	return l.file.Close()
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
