package relay

import (
	"crypto/tls"
	"net"
)

// Secure puts TLS over a connection of Engine.Dial, so that the engine can take
// it as the Node of a Pair. It does no handshake, which has to come before that.
func Secure(conn net.Conn, config *tls.Config) *tls.Conn { return tls.Client(&lower{conn}, config) }

// lower is what crypto/tls reads and writes. When a shard takes over what is over
// TLS, it puts its wire here. So nothing stays of what stood in the connection's
// place.
type lower struct{ net.Conn }

// NetConn is the connection, or what stands in its place.
func (l *lower) NetConn() net.Conn { return l.Conn }

// CloseWrite closes the writing side.
func (l *lower) CloseWrite() error {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
