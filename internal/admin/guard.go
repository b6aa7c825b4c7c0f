package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"fermata/internal/admin/endpoint"
)

// guard keeps web pages out: by Host those that point a name of their own at
// our address (DNS rebinding), by Origin and Sec-Fetch-Site all others.
func (s *Server) guard(next http.Handler) http.Handler {
	isOwn := hostsOf(s.options.Load().Address)
	knownHost := func(host string) bool {
		return isOwn(host) || slices.ContainsFunc(s.options.Load().Hosts, func(name string) bool { return strings.EqualFold(name, hostname(host)) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !knownHost(r.Host) {
			writeError(w, fmt.Errorf("%w: Host is %q, want localhost, the address that we listen on, or one of admin.hosts", errForbidden, r.Host))
			return
		}
		if !sameOrigin(r) {
			writeError(w, fmt.Errorf("%w: the request comes from a web page elsewhere", errForbidden))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostsOf tells which Host headers belong to a listener on address. A browser
// cannot reach a unix socket, so there every Host does.
func hostsOf(address string) func(host string) bool {
	if _, unix := endpoint.Socket(address); unix {
		return func(string) bool { return true }
	}
	own := hostname(address)
	ownIP, _ := netip.ParseAddr(own)
	everywhere := own == "" || ownIP.IsUnspecified()
	return func(host string) bool {
		name := hostname(host)
		if ip, err := netip.ParseAddr(name); err == nil {
			// A page under an address cannot have been rebound.
			return everywhere || ip.IsLoopback() || ip == ownIP
		}
		// Only HTTP/1.0 has no Host, and no browser speaks that.
		return name == "" || name == "localhost" || strings.EqualFold(name, own)
	}
}

// hostname is the host of HOST, HOST:PORT, [HOST] or [HOST]:PORT.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// sameOrigin is true for what is no browser, for our own page, and for a
// person who follows a link or types the address: that can only look.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	return origin == "" && reading && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// withToken lets only those in who bring a token, if there is one, and may do that.
func (s *Server) withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch access := s.accessOf(r); {
		case access == endpoint.Nothing:
			s.noteToken(r)
			writeError(w, errToken)
		case access == endpoint.Reading && !reads:
			writeError(w, errReadOnly)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// accessOf is what the request's token allows now.
func (s *Server) accessOf(r *http.Request) endpoint.Access {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		given = ""
	}
	return s.options.Load().AccessOf(given)
}

// noteToken tells of somebody who has brought a wrong token, rather than none.
func (s *Server) noteToken(r *http.Request) {
	if s.WrongToken != nil && r.Header.Get("Authorization") != "" {
		s.WrongToken(r.RemoteAddr)
	}
}

// withHeaders forbids browsers whatever the dashboard does not need.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}
