package proxy

import (
	"crypto/tls"
	"net"
)

// A begunConn is a connection of which something was read that whoever has it now is to
// read first. It stands in the connection's place until a relay has that.
type begunConn struct {
	net.Conn
	unread []byte
}

// begun gives back what was read.
func begun(conn net.Conn, unread []byte) net.Conn {
	if len(unread) == 0 {
		return conn
	}
	b := &begunConn{conn, unread}
	if secure, ok := conn.(*tls.Conn); ok {
		return &begunTLS{b, secure}
	}
	return b
}

// Read implements net.Conn.
func (c *begunConn) Read(b []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// NetConn is the connection.
func (c *begunConn) NetConn() net.Conn { return c.Conn }

// CloseWrite closes the writing side.
func (c *begunConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// begunTLS tells an http.Server what was agreed on.
type begunTLS struct {
	*begunConn
	secure *tls.Conn
}

// NetConn is what TLS is over.
func (c *begunTLS) NetConn() net.Conn { return c.secure.NetConn() }

// ConnectionState is that of the connection.
func (c *begunTLS) ConnectionState() tls.ConnectionState { return c.secure.ConnectionState() }

// begin is the connection, and what is still to be read before it.
func (c *begunConn) begin() (net.Conn, []byte) { return c.Conn, c.unread }
