package relay

import (
	"net"
	"sync/atomic"
)

// showing is a listener of the net package's that shows first bytes.
type showing struct {
	net.Listener
	first First
}

// Accept implements net.Listener.
func (s *showing) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	shown := &shown{Conn: conn}
	shown.first.Store(&s.first)
	return shown, nil
}

// shown is a connection whose first read is shown.
type shown struct {
	net.Conn
	first atomic.Pointer[First] // nil: it was
}

// Read implements net.Conn.
func (s *shown) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if n == 0 || s.first.Load() == nil {
		return n, err
	}
	if first := s.first.Swap(nil); first != nil {
		(*first)(s.RemoteAddr(), b[:n])
	}
	return n, err
}

// CloseWrite closes the writing side.
func (s *shown) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
