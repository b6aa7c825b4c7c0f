package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/dnsserver"
	"fermata/internal/lab/pebble"
	"fermata/internal/lab/port"
	"fermata/internal/lab/redisserver"
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

func TestNothingWaitsForACAThatIsDown(t *testing.T) {
	t.Parallel()
	address := port.Reserve(t)
	e := newEdge(t, nil)
	other := apptest.Pair(t, time.Now(), "other.example.com")
	config := fmt.Sprintf("state_dir: %q\nlisten:\n  - address: %s\n    tls:\n      certificates: [{cert: %q, key: %q}]\n"+
		"      acme: {domains: [%s], ca: 'https://%s/dir'}\n  - address: %s\n", e.state, e.tls, other.Cert, other.Key, e.one, address, e.http)
	s := apptest.New(t, 1, config)
	if status, _ := s.AdminGet("/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: got %d, want 200: whoever waits for it would keep the CA out", status)
	}
	if line := s.Logs.Wait(t, "no certificate issued, TLS clients of this domain are refused until there is one"); line["domain"] != e.one || line["level"] != "error" {
		t.Errorf("got %v, want an error with the domain", line)
	}
	var list admin.NodeList
	if _, body := s.AdminGet("/v1/nodes"); json.Unmarshal([]byte(body), &list) != nil || len(list.Certificates) != 1 ||
		list.Certificates[0].Domain != e.one || list.Certificates[0].Reason == "" || !list.Certificates[0].NotAfter.IsZero() {
		t.Errorf("got %+v, want operators to see why %s has no certificate", list.Certificates, e.one)
	}
	if _, err := s.Handshake(e.one, &tls.Config{}); err == nil {
		t.Error("got a certificate, want a refusal: there is none for that name")
	}
	s.Logs.Wait(t, "client refused, as its certificate is not issued yet")
	s.HasMetric("fermata_acme_refused_handshakes_total 1")
	s.HasMetric(`fermata_acme_certificate_not_after_timestamp_seconds{domain="` + e.one + `"} 0`)
	if got := s.Shown("other.example.com").DNSNames[0]; got != "other.example.com" {
		t.Errorf("got the certificate of %s, want the pair of files", got)
	}
	if _, err := s.DialAt(e.http, nil); err != nil {
		t.Errorf("without TLS: got %v, want a client", err)
	}

	e.startCA(t, pebble.Options{Address: address})
	s.Configure(strings.Replace(config, "/dir'", "/dir', ca_root: '"+e.ca.Root+"'", 1))
	s.Reload()
	e.await(s, e.one)
	if got := s.Shown("other.example.com").DNSNames[0]; got != "other.example.com" {
		t.Errorf("got the certificate of %s, want the pair of files still", got)
	}
}

func TestAReloadAddsAndRemovesDomains(t *testing.T) {
	t.Parallel()
	e := newEdge(t, new(pebble.Options))
	s := apptest.New(t, 1, e.config("", e.one))
	before := e.await(s, e.one)
	s.SecureBystander()

	s.Configure(e.config("", e.one, e.two))
	s.Reload()
	e.await(s, e.two)
	if after := e.await(s, e.one); !after.Equal(before) {
		t.Error("got another certificate for the domain that stays, want the same")
	}

	s.Configure(e.config("", e.two))
	s.Reload()
	s.Eventually("the removed domain is gone", func() bool {
		_, err := e.shown(s, e.one)
		return err != nil
	})
	if strings.Contains(s.Metrics(), e.one) {
		t.Errorf("got metrics of %s, want none", e.one)
	}
}

func TestAChallengeOfTheNodesIsTheirs(t *testing.T) {
	t.Parallel()
	e := newEdge(t, new(pebble.Options))
	node := apptest.FakeNode(t, apptest.Says("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe node"))
	s := apptest.NewFront(t, []string{node}, e.config("", e.one)+"health: {type: tcp}\n")
	e.await(s, e.one)
	for _, host := range []string{e.one, "other.example.com"} {
		r, err := http.NewRequest(http.MethodGet, "http://"+e.http+"/.well-known/acme-challenge/of-a-node", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(text) != "the node" {
			t.Errorf("%s: got %d %q and %v, want the node's answer", host, answer.StatusCode, text, err)
		}
	}
}

func TestMembersOfAClusterShareACertificate(t *testing.T) {
	t.Parallel()
	redis := redisserver.New(t, redisserver.Options{})
	e, other := newEdge(t, new(pebble.Options)), newEdge(t, nil)
	other.ca = e.ca
	cluster := fmt.Sprintf("cluster: {redis: 'redis://%s', secret: 0123456789abcdef, member: ", redis.Address())
	first := apptest.New(t, 1, e.config("", e.one)+cluster+"edge-1}\n")
	second := apptest.NewFront(t, first.URLs, other.config("", e.one)+cluster+"edge-2}\n")
	if one, two := e.await(first, e.one), other.await(second, e.one); !one.Equal(two) {
		t.Error("got two certificates, want one")
	}
	if _, err := os.Stat(filepath.Join(e.state, "acme")); err == nil {
		t.Error("got a folder in state_dir, want all of it in Redis")
	}
}
