package proxy

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OriginHost is a host whose pages may open WebSockets, or *.HOST for those below
// it, in lower case; the scheme and the port do not matter.
type OriginHost string

var originHost = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$|^\[[0-9a-f:.]+\]$`)

// UnmarshalText reads good.example, *.fine.example, 192.0.2.1 and [::1].
func (h *OriginHost) UnmarshalText(text []byte) error {
	host := strings.ToLower(string(text))
	if !originHost.MatchString(host) {
		return fmt.Errorf("got %q, want a host such as good.example or *.fine.example, without scheme and port", cut(string(text)))
	}
	*h = OriginHost(host)
	return nil
}

// fits is whether a host, in lower case, is meant.
func (h OriginHost) fits(host string) bool {
	if below, wild := strings.CutPrefix(string(h), "*"); wild {
		return len(host) > len(below) && strings.HasSuffix(host, below)
	}
	return host == string(h)
}

// allowsOrigin is whether an upgrade with this Origin is taken.
func allowsOrigin(allowed []OriginHost, origin []string) bool {
	if len(allowed) == 0 || len(origin) == 0 {
		return true
	}
	u, err := url.Parse(origin[0])
	if err != nil || len(origin) > 1 || u.Host == "" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return slices.ContainsFunc(allowed, func(h OriginHost) bool { return h.fits(host) })
}
