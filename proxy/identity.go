package proxy

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"fermata/internal/arrival"
)

// ClientHeader is the field in which trusted proxies say whose a request is.
type ClientHeader string

// What ClientHeader can be.
const (
	// XForwardedFor has the addresses of all on the way, and X-Forwarded-Proto and
	// X-Forwarded-Host the rest.
	XForwardedFor ClientHeader = "x-forwarded-for"
	// Forwarded has all of that (RFC 7239); of X-Forwarded-* nothing counts.
	Forwarded ClientHeader = "forwarded"
	// XRealIP and CFConnectingIP have the client's address alone; the rest is as
	// with XForwardedFor.
	XRealIP        ClientHeader = "x-real-ip"
	CFConnectingIP ClientHeader = "cf-connecting-ip"
)

// UnmarshalText reads the field's name, in any case.
func (h *ClientHeader) UnmarshalText(text []byte) error {
	all := []ClientHeader{XForwardedFor, Forwarded, XRealIP, CFConnectingIP}
	*h = ClientHeader(strings.ToLower(string(text)))
	if !slices.Contains(all, *h) {
		return fmt.Errorf("got %q, want one of %s, %s, %s, %s", cut(string(text)), all[0], all[1], all[2], all[3])
	}
	return nil
}

// identify notes whose request it is: of the address that the connection comes from
// or, if that is a trusted proxy, of whom that says.
func (c *client) identify(r *http.Request) {
	c.ip = remoteIP(r)
	c.secure = arrival.Of(r.Context()).Secure(r.TLS != nil)
	c.trusted = isIn(c.ip, c.options.TrustedProxies)
	if !c.trusted {
		return
	}
	proto := r.Header.Get("X-Forwarded-Proto")
	switch by := c.options.Headers.Client; by {
	case Forwarded:
		var last hop
		c.ip, last = lastOutside(c.ip, forwardedHops(r.Header["Forwarded"]), c.options.TrustedProxies)
		proto = last.proto
	case XRealIP, CFConnectingIP:
		if addr, ok := hopAddr(r.Header.Get(string(by))); ok {
			c.ip = addr
		}
	default:
		c.ip, _ = lastOutside(c.ip, forHops(r.Header["X-Forwarded-For"]), c.options.TrustedProxies)
	}
	if proto != "" {
		c.secure = strings.EqualFold(proto, "https") || strings.EqualFold(proto, "wss")
	}
}

// hop is what one proxy says: for whom it has sent the request on, and how that has
// come.
type hop struct{ from, proto, host string }

func forHops(values []string) (hops []hop) {
	for _, value := range values {
		for from := range strings.SplitSeq(value, ",") {
			hops = append(hops, hop{from: strings.TrimSpace(from)})
		}
	}
	return hops
}

// lastOutside is the last address that is not a trusted proxy's, and the hop that
// has named it. Whatever stands before that one, anybody can have written.
func lastOutside(peer netip.Addr, hops []hop, trusted []Network) (ip netip.Addr, by hop) {
	ip = peer
	for _, h := range slices.Backward(hops) {
		addr, ok := hopAddr(h.from)
		by = h
		if !ok {
			break
		}
		if ip = addr; !isIn(ip, trusted) {
			break
		}
	}
	return ip, by
}

// hopAddr reads an address; some proxies add the port, and Forwarded puts IPv6 into
// brackets.
func hopAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

// forwardedFor is X-Forwarded-For for the node.
func (c *client) forwardedFor(r *http.Request) string {
	if !c.trusted {
		return c.ip.String()
	}
	peer := remoteIP(r)
	switch {
	case c.options.Headers.Client == XForwardedFor || c.options.Headers.Client == "":
		return strings.Join(append(slices.Clone(r.Header["X-Forwarded-For"]), peer.String()), ", ")
	case c.ip == peer:
		return peer.String()
	}
	return c.ip.String() + ", " + peer.String()
}

// forwardedHost is X-Forwarded-Host for the node.
func (c *client) forwardedHost(r *http.Request) string {
	if !c.trusted {
		return r.Host
	}
	host := r.Header.Get("X-Forwarded-Host")
	if c.options.Headers.Client == Forwarded {
		_, last := lastOutside(remoteIP(r), forwardedHops(r.Header["Forwarded"]), c.options.TrustedProxies)
		host = last.host
	}
	return cmp.Or(host, r.Host)
}
