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
	"fermata/internal/arrival"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// client is one client, with all that is known of it. It owns its
// relay. There may be thousands, which is why texts that many of them share are
// kept once, and none is that would keep the whole request.
type client struct {
	ip      netip.Addr // the client's own, also behind trusted proxies
	trusted bool       // the connection comes from a trusted proxy, also by the PROXY protocol
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
	c.identify(r)
	c.request = newRequestID(r, c.trusted, o)
}

// remoteIP is the address that the connection comes from; by the PROXY protocol,
// if it came by that.
func remoteIP(r *http.Request) netip.Addr {
	if from := arrival.Of(r.Context()).From(); from.IsValid() {
		return from
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap().WithZone("")
}

func isIn(ip netip.Addr, networks []Network) bool {
	return slices.ContainsFunc(networks, func(n Network) bool { return n.Contains(ip) })
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

// mostCut is the longest text that cut returns, in bytes.
const mostCut = 128 + len("…")

// cut bounds what a stranger can write into the log.
func cut(s string) string {
	const most = mostCut - len("…")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
