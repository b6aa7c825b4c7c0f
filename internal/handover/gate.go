package handover

import (
	"errors"
	"fmt"
	"io/fs"
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
	ended chan struct{} // closed by Close
	end   sync.Once

	mu     sync.Mutex
	opened chan struct{} // closed when it accepts again; nil: it does
	path   string        // of the unix socket's file, if that goes with it; empty: none does
	keep   bool          // the file is another process's, too
}

// listening is what listeners of TCP and of unix sockets have.
type listening interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// NewGate makes a gate of a *net.TCPListener or a *net.UnixListener, which belongs to
// it from then on. The file at path is removed by Close; empty: none is.
func NewGate(l net.Listener, path string) (*Gate, error) {
	of, ok := l.(listening)
	if !ok {
		return nil, errors.New("got a listener that is neither of TCP nor of a unix socket")
	}
	if l, ok := of.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
	return &Gate{listening: of, ended: make(chan struct{}), path: path}, nil
}

// GateOf is NewGate for a socket that another process has passed, which has the file,
// too, until Keep. It closes the descriptor's file.
func GateOf(socket *os.File, path string) (*Gate, error) {
	defer socket.Close()
	l, err := net.FileListener(socket)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", socket.Name(), err)
	}
	g, err := NewGate(l, path)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("socket %s: %w", socket.Name(), err)
	}
	g.Keep(true)
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

// Keep leaves the file where it is when the gate is closed, or does not.
func (g *Gate) Keep(file bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keep = file
}

// Path is where the file is that goes with the gate; empty: there is none.
func (g *Gate) Path() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.path
}

// Link has the socket be found at another path, too. What is there is replaced.
func (g *Gate) Link(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Link(g.Path(), path)
}

// Moved is that the file goes with the gate that is at path now.
func (g *Gate) Moved(path string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.path = path
}

// Close implements net.Listener.
func (g *Gate) Close() error {
	g.end.Do(func() {
		close(g.ended)
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.path != "" && !g.keep {
			_ = os.Remove(g.path)
		}
	})
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
