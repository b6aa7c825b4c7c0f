package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Gate is a listener that can stop to accept, while its socket stays open: another
// process accepts there.
type Gate struct {
	listening
	mu     sync.Mutex
	opened chan struct{} // closed when it accepts again; nil: it does
	ended  chan struct{} // closed by Close
	end    sync.Once
}

// listening is what listeners of TCP and of unix sockets have.
type listening interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// NewGate makes a gate of a *net.TCPListener or a *net.UnixListener, which belongs to
// it from then on.
func NewGate(l net.Listener) (*Gate, error) {
	of, ok := l.(listening)
	if !ok {
		return nil, errors.New("got a listener that is neither of TCP nor of a unix socket")
	}
	return &Gate{listening: of, ended: make(chan struct{})}, nil
}

// GateOf makes a gate of a socket that another process has passed, and closes the
// file.
func GateOf(file *os.File) (*Gate, error) {
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", file.Name(), err)
	}
	g, err := NewGate(l)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s: %w", file.Name(), err)
	}
	g.Keep(false)
	return g, nil
}

// Accept implements net.Listener.
func (g *Gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.listening.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		if !g.wait() {
			return nil, net.ErrClosed
		}
	}
}

// wait returns when it accepts again; false: it is closed.
func (g *Gate) wait() bool {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened == nil {
		return true
	}
	select {
	case <-opened:
		return true
	case <-g.ended:
		return false
	}
}

// Pause accepts nobody any more. Who comes waits in the kernel's queue.
func (g *Gate) Pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
		_ = g.SetDeadline(time.Unix(1, 0))
	}
}

// Resume accepts again.
func (g *Gate) Resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		_ = g.SetDeadline(time.Time{})
		close(g.opened)
		g.opened = nil
	}
}

// Keep leaves a unix socket's file where it is when the gate is closed, or does not.
func (g *Gate) Keep(file bool) {
	if l, ok := g.listening.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(!file)
	}
}

// Close implements net.Listener.
func (g *Gate) Close() error {
	g.end.Do(func() { close(g.ended) })
	return g.listening.Close()
}

// File is another descriptor of the socket, which the caller closes.
func (g *Gate) File() (*os.File, error) {
	raw, err := g.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	controlErr := raw.Control(func(of uintptr) {
		fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), g.Addr().String()), nil
}
