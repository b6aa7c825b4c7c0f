package app

import (
	"bytes"
	"net"

	"go.uber.org/zap"

	"fermata/proxy/relay"
)

// proxyProtocol names, for operators, peers of a listener that begin with a
// header of the PROXY protocol: they get no more than a 400, or no TLS, and would
// not say why.
func (a *App) proxyProtocol(listener net.Addr) relay.First {
	line := newSeldom()
	return func(from net.Addr, first []byte) {
		version := proxyVersion(first)
		if version == 0 {
			return
		}
		a.metrics.ProxyHeader()
		line.warn(a.log, "peer speaks PROXY protocol, which is not understood here: turn it off there, and list the peer in trusted_proxies",
			zap.Stringer("address", listener), zap.Stringer("peer", from), zap.Int("version", version))
	}
}

// proxyVersion is the version of the PROXY protocol whose header begins so; 0: it
// is none.
func proxyVersion(first []byte) int {
	switch {
	case bytes.HasPrefix(first, []byte("PROXY ")):
		return 1
	case bytes.HasPrefix(first, []byte("\r\n\r\n\x00\r\nQUIT\n")):
		return 2
	}
	return 0
}
