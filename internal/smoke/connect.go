package smoke

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"fermata/internal/certs"
)

// connect is the case resolve+connect.
func (s *site) connect(ctx context.Context) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address())
	if err != nil {
		return "", instead(ctx, err, "a TCP connection to "+s.address())
	}
	defer conn.Close()
	return conn.RemoteAddr().String(), nil
}

// address is HOST:PORT.
func (s *site) address() string {
	port := s.url.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[s.url.Scheme]
	}
	return net.JoinHostPort(s.url.Hostname(), port)
}

// tls is the case of that name: the chain, the host, and the time left.
func (s *site) tls(ctx context.Context) (string, error) {
	if s.url.Scheme != "wss" {
		return "", skip("no TLS in ws://")
	}
	state, err := s.handshake(ctx)
	if err != nil {
		return "", instead(ctx, err, "a TLS handshake, or the URL with ws://")
	}
	leaf := state.PeerCertificates[0]
	about := describe(leaf, state.Version)
	if s.Insecure {
		return about + ", not verified", nil
	}
	if err := s.verify(state.PeerCertificates); err != nil {
		return "", &broken{plain(err), s.wanted(err)}
	}
	if time.Until(leaf.NotAfter) < s.MinValid {
		return "", &broken{about, fmt.Sprintf("at least %d days left", days(s.MinValid))}
	}
	return about, nil
}

// handshake lets any certificate through, so that verify can say what is wrong
// with it and describe what it is.
func (s *site) handshake(ctx context.Context) (tls.ConnectionState, error) {
	config := s.tlsConfig()
	config.InsecureSkipVerify = true
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

func (s *site) verify(chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName: s.url.Hostname(), Roots: s.Roots, Intermediates: between,
	})
	return err
}

// wanted is what a certificate must be; what can be done about it is in brackets.
func (s *site) wanted(err error) string {
	want := "a trusted certificate for " + s.url.Hostname()
	if reason, _ := certs.Refused(err); reason == certs.NotTrusted {
		return want + " (--ca names another authority than those of the system)"
	}
	return want
}

func describe(leaf *x509.Certificate, version uint16) string {
	return fmt.Sprintf("%s, issued by %s, %d days left",
		tls.VersionName(version), leaf.Issuer, days(time.Until(leaf.NotAfter)))
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// up is the case http: Reverb's own health page, through Fermata.
func (s *site) up(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.page("up").String(), nil)
	if err != nil {
		return "", err
	}
	const want = "200 for GET /up"
	resp, err := s.http.Do(req)
	if err != nil {
		return "", instead(ctx, err, want)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", &broken{resp.Status, want}
	}
	return resp.Status, nil
}

// page is the http or https URL of a path below the site's own.
func (s *site) page(path ...string) *url.URL {
	u := s.url.JoinPath(path...)
	u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	return u
}
