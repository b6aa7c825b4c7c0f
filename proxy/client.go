package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unique"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// client is one client, with all that is known of it. It owns its
// relay. There may be thousands, which is why texts that many of them share are
// kept once, and none is that would keep the whole request.
type client struct {
	ip      netip.Addr // the client's own, also behind trusted proxies
	trusted bool       // the connection comes from a trusted proxy
	secure  bool       // the client itself uses TLS
	tries   uint16     // nodes that were asked
	stay    stay
	host    unique.Handle[string] // cut
	path    unique.Handle[string] // cut, without the query
	request requestID
	options *Options // of the time when it came

	pick    balancer.Pick
	handler *Handler     // of a client that asks for a WebSocket
	live    moves.Client // its relay, while that lasts
	tally   *tally       // its node's; nil: it has not come so far
	app     *app         // nil: it is not known, or there is none
}

func newClient(r *http.Request, o *Options) *client {
	c := &client{}
	c.fill(r, o)
	return c
}

// fill notes what a request says of its client.
func (c *client) fill(r *http.Request, o *Options) {
	c.host, c.path, c.options = unique.Make(cut(r.Host)), unique.Make(cut(r.URL.Path)), o
	c.live.Since = time.Now()
	c.ip, c.trusted = clientIP(r, o.TrustedProxies)
	c.request = newRequestID(r, c.trusted, o)
	c.secure = r.TLS != nil
	if proto := r.Header.Get("X-Forwarded-Proto"); c.trusted && proto != "" {
		c.secure = strings.EqualFold(proto, "https") || strings.EqualFold(proto, "wss")
	}
}

// clientIP is the address that the connection comes from or, if that is a
// trusted proxy, the last one in X-Forwarded-For that is not. Whatever stands
// before that one, anybody can have written.
func clientIP(r *http.Request, trusted []Network) (ip netip.Addr, fromProxy bool) {
	ip = remoteIP(r)
	if !isTrusted(ip, trusted) {
		return ip, false
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, ok := hopAddr(strings.TrimSpace(hop))
		if !ok {
			break
		}
		ip = addr.Unmap().WithZone("")
		if !isTrusted(ip, trusted) {
			break
		}
	}
	return ip, true
}

// hopAddr reads an address; some proxies add the port.
func hopAddr(hop string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(hop); err == nil {
		return addr, true
	}
	withPort, err := netip.ParseAddrPort(hop)
	return withPort.Addr(), err == nil
}

func remoteIP(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap().WithZone("")
}

func isTrusted(ip netip.Addr, trusted []Network) bool {
	return slices.ContainsFunc(trusted, func(n Network) bool { return n.Contains(ip) })
}

// line is the client's log line: all that is known at its end.
func (c *client) line(end relay.End, now time.Time) []zap.Field {
	return []zap.Field{
		zap.Stringer("client", c.ip),
		c.requestField(),
		zap.String("node", c.pick.Node.Name()),
		zap.String("by", string(end.By)),
		zap.Int("code", end.Code),
		zap.Duration("dur", now.Sub(c.live.Since)),
		zap.String("pick", string(c.pick.Reason)),
		zap.String("preferred", c.pick.Preferred.Name()),
		zap.Uint16("tries", c.tries),
		zap.Bool("secure", c.secure),
		zap.String("host", c.host.Value()),
		zap.String("path", c.path.Value()),
		zap.Int64("bytes_to_node", end.BytesToNode),
		zap.Int64("bytes_to_client", end.BytesToClient),
		zap.Int64("messages_to_node", end.MessagesToNode),
		zap.Int64("messages_to_client", end.MessagesToClient),
		zap.NamedError("err", end.Err),
	}
}

// cut bounds what a stranger can write into the log.
func cut(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
