package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// hopByHop are the header fields that concern one connection only (RFC 9110
// section 7.6.1), and Expect, which Reverb does not know.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
}

// stripHopByHop removes the fields of one connection, those that Connection
// names too.
func stripHopByHop(h http.Header) {
	for _, name := range tokens(h["Connection"]) {
		h.Del(name)
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// setForwarded tells the node about the client and its request. What the client
// itself says about that counts only if it is a trusted proxy.
func (c *client) setForwarded(h http.Header, r *http.Request) {
	from, host := c.forwardedFor(r), c.forwardedHost(r)
	proto := "http"
	if c.secure {
		proto = "https"
	}
	stripClaims(h, c.trusted)
	h.Del("Forwarded")
	h.Set("X-Forwarded-For", from)
	h.Set("X-Forwarded-Proto", proto)
	h.Set("X-Forwarded-Host", host)
	c.setRequestID(h)
	c.setVia(h)
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
func tokens(values []string) []string {
	var all []string
	for _, value := range values {
		for token := range strings.SplitSeq(value, ",") {
			if token = strings.TrimSpace(token); token != "" {
				all = append(all, token)
			}
		}
	}
	return all
}

func hasToken(values []string, want string) bool {
	return slices.ContainsFunc(tokens(values), func(token string) bool {
		return strings.EqualFold(token, want)
	})
}
