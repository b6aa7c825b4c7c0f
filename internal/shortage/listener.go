package shortage

import (
	"errors"
	"net"
)

// Listener is l, but an http.Server goes on after each error of Accept, other
// than that l is closed: the next connection may be had. Told is called with
// each of them; it must not block.
func Listener(l net.Listener, told func(error)) net.Listener { return &listener{l, told} }

type listener struct {
	net.Listener
	told func(error)
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil || errors.Is(err, net.ErrClosed) {
		return conn, err
	}
	l.told(err)
	return nil, temporary{err}
}

// temporary is an error after which http.Server goes on.
type temporary struct{ error }

func (t temporary) Unwrap() error { return t.error }

func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }
