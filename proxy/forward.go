package proxy

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// isHopByHop is whether a field concerns one connection only (RFC 9110 section
// 7.6.1), as those do that Connection has named. Expect does, since Reverb does not
// know it.
func isHopByHop(name string, named []string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect":
		return true
	}
	return slices.Contains(named, name)
}

// namedByConnection are the fields that Connection names, but for those that are
// hop-by-hop anyway.
func namedByConnection(h http.Header) (named []string) {
	for token := range tokens(h["Connection"]) {
		if strings.EqualFold(token, "Upgrade") || strings.EqualFold(token, "Keep-Alive") {
			continue // these are in almost every head, and their canonical form costs memory
		}
		if name := canonical(token); !isHopByHop(name, named) {
			named = append(named, name)
		}
	}
	return named
}

// stripHopByHop removes the fields of one connection.
func stripHopByHop(h http.Header) {
	named := namedByConnection(h)
	maps.DeleteFunc(h, func(name string, _ []string) bool { return isHopByHop(name, named) })
}

// passes is whether a field of the client's reaches a node: not those that Fermata
// sets itself, nor what a stranger says about itself, however it is spelled; nor odd
// spellings from trusted proxies, which only pass them on.
func (c *client) passes(name string) bool {
	switch name {
	case "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", string(c.options.Headers.RequestID):
		return false
	}
	return !isClaim(name) || c.trusted && !hasOdd(name)
}

// added are the fields in which Fermata tells a node about the client and its request,
// the least important first. What the client itself says about that counts only if it is
// a trusted proxy.
func (c *client) added(r *http.Request) [5]field {
	proto := "http"
	if c.secure {
		proto = "https"
	}
	return [...]field{
		{string(c.options.Headers.RequestID), c.request.String()},
		{"X-Forwarded-Host", c.forwardedHost(r)},
		{"X-Forwarded-Proto", proto},
		{"X-Forwarded-For", c.forwardedFor(r)},
		{"Via", c.options.via}, // after those of other proxies
	}
}

// setForwarded has a plain request tell a node what it gets to know of the client.
func (c *client) setForwarded(h http.Header, r *http.Request) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return !c.passes(name) })
	for _, f := range c.added(r) {
		if !f.isNone() {
			h[f.name] = append(slices.Clip(h[f.name]), f.value)
		}
	}
}

// requestTarget is the path and query as the client wrote them.
func requestTarget(r *http.Request) string {
	if r.URL.Scheme == "" {
		return r.RequestURI
	}
	_, rest, _ := strings.Cut(r.RequestURI, "://") // it came as http://host/path
	start := strings.IndexAny(rest, "/?")
	switch {
	case start < 0:
		return "/"
	case rest[start] == '?':
		return "/" + rest[start:]
	}
	return rest[start:]
}

// tokens are the items of a comma-separated header field.
func tokens(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range values {
			for token := range strings.SplitSeq(value, ",") {
				if token = strings.TrimSpace(token); token != "" && !yield(token) {
					return
				}
			}
		}
	}
}

func hasToken(values []string, want string) bool {
	for token := range tokens(values) {
		if strings.EqualFold(token, want) {
			return true
		}
	}
	return false
}
