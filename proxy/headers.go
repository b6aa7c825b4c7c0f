package proxy

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Headers are the header fields that Fermata adds, and reads.
type Headers struct {
	// Client is in which field trusted proxies say whose a request is.
	Client ClientHeader `yaml:"client"`
	// RequestID is in what a node gets: an id for the request, which is in the
	// log too. Empty: there is none.
	RequestID HeaderName `yaml:"request_id"`
	// Explain is in what a client gets: its node and why it has that one, which
	// tells everybody the nodes' names. Empty: it is not told.
	Explain HeaderName `yaml:"explain"`
}

// DefaultHeaders is what a configuration without headers means.
func DefaultHeaders() Headers { return Headers{Client: XForwardedFor, RequestID: "X-Request-Id"} }

// HeaderName is the name of a header field in its canonical form; empty: none.
type HeaderName string

var headerName = regexp.MustCompile("^[A-Za-z][A-Za-z0-9-]{0,63}$")

// UnmarshalText reads a name that means nothing yet to clients and nodes.
func (n *HeaderName) UnmarshalText(text []byte) error {
	name := http.CanonicalHeaderKey(string(text))
	switch {
	case len(text) > 0 && !headerName.MatchString(name):
		return fmt.Errorf("got %q, want up to 64 letters, digits or -", cut(string(text)))
	case isTaken(name):
		return fmt.Errorf("got %q, which means something else, want a name such as X-Fermata", name)
	}
	*n = HeaderName(name)
	return nil
}

// isTaken is whether the field has another use in a request or an answer.
func isTaken(name string) bool {
	taken := []string{
		"Accept", "Authorization", "Cache-Control", "Cookie", "Date", "Forwarded", "Host", "Location", "Origin", "Retry-After",
		"Server", "Set-Cookie", "User-Agent", "Vary", "Via",
	}
	prefixes := []string{"Accept-", "Access-", "Content-", "Sec-", "X-Forwarded-"}
	return slices.Contains(taken, name) || isHopByHop(name, nil) ||
		slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// explain tells the client its node and why it has that one, where the
// configuration wants it. What the node says under that name goes.
func (c *client) explain(h http.Header) {
	name := string(c.options.Headers.Explain)
	if name == "" || c.pick.Node == nil {
		return
	}
	why := "node=" + c.pick.Node.Name() + "; pick=" + string(c.pick.Reason)
	if c.pick.Preferred != c.pick.Node {
		why += "; preferred=" + c.pick.Preferred.Name()
	}
	h[name] = []string{why}
}
