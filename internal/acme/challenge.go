package acme

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
)

// challengePath is what the CA asks for (HTTP-01, RFC 8555, 8.3).
const challengePath = "/.well-known/acme-challenge/"

// Handler answers the CA, whichever member of a cluster it was that has ordered. All else,
// challenges of others too, is for next.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, challengePath) || !m.answer(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// answer looks into the storage for domains of the plan alone, as anybody can ask.
func (m *Manager) answer(w http.ResponseWriter, r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	k := (*m.running.Load())[strings.ToLower(host)]
	return k != nil && k.issuer.HandleHTTPChallenge(w, r)
}

var errNoChallenge = errors.New("no certificate is ordered for that name")

// Challenge is the certificate that the CA wants to see (TLS-ALPN-01, RFC 8737). The
// handshake must ask for nothing but acme-tls/1.
func (m *Manager) Challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	k := (*m.running.Load())[strings.ToLower(hello.ServerName)]
	if k == nil {
		return nil, errNoChallenge
	}
	return k.magic.GetCertificate(hello)
}
