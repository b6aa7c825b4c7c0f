package relay

import "net"

// watchOver sets how it is found out that the other end of conn has vanished,
// if that is a TCP connection.
func watchOver(conn net.Conn, o Options) {
	tcp := tcpUnder(conn)
	if tcp == nil {
		return
	}
	if every := o.KeepAlive; every > 0 {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: every, Interval: every})
	}
	if o.UserTimeout > 0 {
		setUserTimeout(tcp, o.UserTimeout)
	}
}

// tcpUnder is nil if there is none.
func tcpUnder(conn net.Conn) *net.TCPConn {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn
	case interface{ NetConn() net.Conn }:
		return tcpUnder(conn.NetConn())
	}
	return nil
}
