//go:build !linux

package relay

import "net"

func underTLS(conn net.Conn) net.Conn { return conn }

func tokenOfBest(e Engine) token { return e.(*Portable).token }
