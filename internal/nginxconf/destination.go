package nginxconf

import (
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// destination is what a proxy_pass says.
type destination struct {
	syntax.Directive
	tls  bool   // https
	host string // an upstream's name, HOST[:PORT], or unix:PATH
	uri  string // what nginx puts in the place of the location's path; mostly empty
}

func parseDestination(d syntax.Directive) destination {
	scheme, rest, _ := strings.Cut(arg(d, 0), "://")
	rest = strings.TrimSuffix(rest, "$request_uri") // what it passes on without
	to := destination{Directive: d, tls: scheme == "https", host: rest}
	if end := strings.IndexAny(rest, "/?"); end >= 0 && !strings.HasPrefix(rest, "unix:") {
		to.host, to.uri = rest[:end], rest[end:]
	}
	return to
}

func (d destination) isTo(u upstream) bool { return strings.EqualFold(d.host, u.name) }
