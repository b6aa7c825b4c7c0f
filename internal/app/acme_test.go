package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/dnsserver"
	"fermata/internal/lab/pebble"
	"fermata/internal/lab/port"
)

// edge is where a Fermata with certificates from a CA listens.
type edge struct {
	http, tls, state string
	one, two         string // domains, no other test's
	ca               *pebble.CA
	dns              *dnsserver.Server
}

// newEdge also starts the CA, unless o is nil.
func newEdge(t *testing.T, o *pebble.Options) *edge {
	t.Helper()
	e := &edge{http: port.Reserve(t), tls: port.Reserve(t), state: filepath.Join(t.TempDir(), "state"), dns: dnsserver.Start(t)}
	_, number, _ := strings.Cut(e.tls, ":")
	e.one, e.two = "one"+number+".example.com", "two"+number+".example.com"
	e.dns.Set(e.one, "127.0.0.1")
	e.dns.Set(e.two, "127.0.0.1")
	if o != nil {
		e.startCA(t, *o)
	}
	return e
}

func (e *edge) startCA(t *testing.T, o pebble.Options) {
	t.Helper()
	o.HTTP, o.TLS, o.DNS = e.http, e.tls, e.dns.Address()
	e.ca = pebble.Start(t, o)
}

// config is that of Fermata. more is part of the acme section.
func (e *edge) config(more string, domains ...string) string {
	return fmt.Sprintf("state_dir: %q\nlisten:\n  - address: %s\n    tls:\n      acme: {domains: [%s], ca: %q, ca_root: %q%s}\n  - address: %s\n",
		e.state, e.tls, strings.Join(domains, ", "), e.ca.Directory, e.ca.Root, more, e.http)
}

// shown is the certificate that a client of a name is shown, and trusts.
func (e *edge) shown(s *apptest.Stack, name string) (*x509.Certificate, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: apptest.Timeout}, "tcp", e.tls, &tls.Config{ServerName: name, RootCAs: e.ca.Roots()})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// await waits until a client of a name is shown a certificate that it trusts.
func (e *edge) await(s *apptest.Stack, name string) (cert *x509.Certificate) {
	s.T.Helper()
	s.Eventually("a certificate for "+name, func() (ok bool) {
		var err error
		cert, err = e.shown(s, name)
		return err == nil
	})
	return cert
}

func TestACertificateIsIssuedAndServed(t *testing.T) {
	t.Parallel()
	e := newEdge(t, new(pebble.Options))
	s := apptest.New(t, 1, e.config("", e.one))
	if got := e.await(s, e.one).DNSNames; len(got) != 1 || got[0] != e.one {
		t.Errorf("got a certificate for %v, want one for %s", got, e.one)
	}
	line := s.Logs.Wait(t, "certificate")
	if line["reason"] != "issued" || line["domain"] != e.one {
		t.Errorf("got %v, want a line that the certificate was issued", line)
	}
	s.HasMetric("fermata_acme_issued_total 1")
	s.HasMetric(`fermata_acme_certificate_failures{domain="` + e.one + `"} 0`)
	s.SecureBystander()
}
