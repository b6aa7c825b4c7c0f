package relay

import (
	"context"
	"crypto/tls"
	"net"
)

// Incoming is what is done with the connections that a listener has accepted,
// before it returns them. The zero value does nothing.
type Incoming struct {
	Enter Enter       // nil: all come in as they are
	TLS   *tls.Config // nil: they speak no TLS. Otherwise each is a *tls.Conn, without its handshake
	First First       // nil: nothing comes first
}

// Enter is given each connection that was accepted, before anybody has read from
// it. It returns the connection, or what stands in its place until a relay takes
// it: a net.Conn with a method NetConn, which returns the connection, and with
// nothing read from that which was not read from itself. Nil refuses the
// connection, which is closed then. It must not block.
type Enter func(net.Conn) net.Conn

// First is given each connection that has come in. It returns what the listener is
// to return: the connection, or one in its place; nil: it has closed it, or a relay
// has it.
//
// Epoll runs it on the connection's shard, as a coroutine: where it waits for the
// connection, or for one that it has dialled with ctx, the shard goes on. All else
// that may wait, or takes longer than some tens of microseconds, must stand behind
// Aside. Portable never calls it.
type First func(ctx context.Context, conn net.Conn) net.Conn

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

// secure puts TLS over it, where that is wanted.
func (i *Incoming) secure(conn net.Conn) net.Conn {
	if i.TLS == nil {
		return conn
	}
	return tls.Server(conn, i.TLS)
}
