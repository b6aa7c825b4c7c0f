package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// checkRequest refuses what no node is to see: methods that a proxy would have
// to answer itself, HTTP/2 with prior knowledge, and request targets that are
// neither a path nor a URL (RFC 9112 section 3.2).
func checkRequest(r *http.Request) (status int, wrong string) {
	switch {
	case r.ProtoMajor != 1:
		return http.StatusHTTPVersionNotSupported, fmt.Sprintf("got %s, want HTTP/1.1", r.Proto)
	case r.Method == "PRI":
		return http.StatusNotImplemented, "got method PRI, which begins HTTP/2, want HTTP/1.1"
	case slices.Contains([]string{http.MethodConnect, http.MethodTrace, "TRACK"}, r.Method):
		return http.StatusMethodNotAllowed, fmt.Sprintf("got method %s, want one such as GET or POST", r.Method)
	case !isTarget(r):
		return http.StatusBadRequest, fmt.Sprintf("got the request target %q, want a path or a URL", cut(r.RequestURI))
	}
	return 0, ""
}

// isTarget is whether the request target is a path, or a URL with a host.
func isTarget(r *http.Request) bool {
	if strings.HasPrefix(r.RequestURI, "/") {
		return true
	}
	web := slices.Contains([]string{"http", "https", "ws", "wss"}, r.URL.Scheme)
	return web && r.URL.Host != "" && r.URL.Opaque == ""
}
