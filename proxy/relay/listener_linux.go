package relay

import "net"

// NewListener returns a listener whose connections an engine can take over
// from crypto/tls: it belongs between l and tls.NewListener.
func NewListener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wrap(conn), nil
}

// socket is a connection under crypto/tls, until a shard takes it over, which
// puts its wire here instead.
type socket struct{ net.Conn }

// NetConn is what it stands for.
func (s *socket) NetConn() net.Conn { return s.Conn }

func wrap(conn net.Conn) net.Conn { return &socket{conn} }
