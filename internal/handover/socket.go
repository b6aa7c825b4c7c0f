package handover

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"fermata/internal/admin/endpoint"
)

// Listen opens the socket at which a predecessor is found, for this user alone.
func Listen(path string) (*Gate, error) {
	l, err := endpoint.Listen("unix:" + path)
	if err != nil {
		return nil, err
	}
	return NewGate(l, path)
}

// AcceptPeer waits for somebody of the same user. The error is the listener's.
func AcceptPeer(l net.Listener) (*Conn, error) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil, err
		}
		if unix, ok := conn.(*net.UnixConn); ok && checkPeer(unix) == nil {
			return &Conn{unix: unix}, nil
		}
		conn.Close()
	}
}

// ErrNobody is that no Fermata is there to be found.
var ErrNobody = errors.New("no Fermata answers there")

// dialWithin is how long a connection may take to be taken into the queue.
const dialWithin = time.Second

// Dial connects to the one that serves. ErrNobody: there is none.
func Dial(path string) (*Conn, error) {
	conn, err := net.DialTimeout("unix", path, dialWithin)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%s: %w", path, ErrNobody)
	case err != nil:
		return nil, err
	}
	c := &Conn{unix: conn.(*net.UnixConn)}
	if err := checkPeer(c.unix); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
