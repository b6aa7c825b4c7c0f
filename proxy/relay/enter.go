package relay

import "net"

// Enter is given each connection that was accepted, before anybody has read from
// it. It returns the connection, or what stands in its place until a relay takes
// it: a net.Conn with a method NetConn, which returns the connection, and with
// nothing read from that which was not read from itself. Nil refuses the
// connection, which is closed then. It must not block.
type Enter func(net.Conn) net.Conn

// of returns nil for a connection that was refused, and is closed.
func (e Enter) of(conn net.Conn) net.Conn {
	if e == nil {
		return conn
	}
	entered := e(conn)
	if entered == nil {
		conn.Close()
	}
	return entered
}
