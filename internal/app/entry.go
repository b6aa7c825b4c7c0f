package app

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"fermata/internal/arrival"
	"fermata/internal/config"
	"fermata/internal/metrics"
	"fermata/internal/recent"
	"fermata/proxy"
	"fermata/proxy/relay"
)

// entry is how connections come in at a listener.
func (a *App) entry(listener net.Addr, o config.Listen) relay.Enter {
	e := &arrival.Entry{
		Proxies:    prefixes(o.ProxyProtocol),
		Denied:     a.handler.Denies,
		Refused:    a.refusedAt(listener),
		Unexpected: a.unexpected(listener),
	}
	return e.Enter
}

// refusedAt counts and logs connections that are closed before their first
// request: those of clients once per address and minute.
func (a *App) refusedAt(listener net.Addr) func(from netip.Addr, why error) {
	headers, clients := newSeldom(), new(recent.Lines[netip.Prefix])
	return func(from netip.Addr, why error) {
		if !errors.Is(why, arrival.ErrDenied) {
			a.metrics.Refused(metrics.RefusedHeader)
			headers.warn(a.log, "proxy's connection closed: no proper header of the PROXY protocol",
				zap.Stringer("address", listener), zap.Stringer("peer", from), zap.NamedError("err", why))
			return
		}
		a.metrics.Refused(metrics.RefusedDenied)
		if count := clients.Add(a.handler.Network(from), time.Now()); count > 0 {
			a.log.Info("connection refused", zap.Stringer("address", listener), zap.Stringer("client", from),
				zap.String("reason", why.Error()), zap.Int("count", count))
		}
	}
}

// unexpected names, for operators, peers of a listener that begin with a header of
// the PROXY protocol which nobody has asked for: they get no more than a 400, or
// no TLS, and would not say why.
func (a *App) unexpected(listener net.Addr) func(peer netip.Addr, version int) {
	line := newSeldom()
	return func(peer netip.Addr, version int) {
		a.metrics.ProxyHeader()
		line.warn(a.log, "peer speaks PROXY protocol, which is not expected from it: add it to this listener's proxy_protocol, or turn it off there",
			zap.Stringer("address", listener), zap.Stringer("peer", peer), zap.Int("version", version))
	}
}

func prefixes(networks []proxy.Network) []netip.Prefix {
	all := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		all[i] = n.Prefix
	}
	return all
}

// noting is for http.Server.ConnContext; nil: no listener expects headers.
func noting(c *config.Config) func(context.Context, net.Conn) context.Context {
	for _, l := range c.Listen {
		if len(l.ProxyProtocol) > 0 {
			return arrival.Note
		}
	}
	return nil
}
