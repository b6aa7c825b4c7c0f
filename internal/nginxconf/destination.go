package nginxconf

import (
	"net/netip"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// destination is what a proxy_pass says.
type destination struct {
	syntax.Directive
	tls  bool               // https
	host string             // an upstream's name, HOST[:PORT], or unix:PATH
	uri  string             // what nginx puts in the place of the location's path; mostly empty
	from []syntax.Directive // what gives its variables their values
}

func parseDestination(at *scope, d syntax.Directive) destination {
	text := strings.TrimSuffix(arg(d, 0), "$request_uri") // what it passes on without
	text, from := at.expand(strings.TrimSuffix(text, "$uri$is_args$args"))
	scheme, rest, _ := strings.Cut(text, "://")
	to := destination{Directive: d, tls: scheme == "https", host: rest, from: from}
	if end := strings.IndexAny(rest, "/?"); end >= 0 && !strings.HasPrefix(rest, "unix:") {
		to.host, to.uri = rest[:end], rest[end:]
	}
	return to
}

func (d destination) isTo(u upstream) bool { return strings.EqualFold(d.host, u.name) }

// isKnown is false where the host differs from request to request.
func (d destination) isKnown() bool { return d.host != "" && !strings.Contains(d.host, "$") }

// address is the host with the port of its scheme, where it has none.
func (d destination) address() string {
	if d.tls && !strings.Contains(d.host[strings.LastIndexByte(d.host, ']')+1:], ":") {
		return d.host + ":443"
	}
	return d.host
}

// mayBeUpstream tells whether the host could be the name of an upstream that
// stands elsewhere: it has neither a port nor is it an address.
func (d destination) mayBeUpstream() bool {
	_, err := netip.ParseAddr(d.host)
	return err != nil && !strings.ContainsAny(d.host, ":[]") && !strings.EqualFold(d.host, "localhost")
}
