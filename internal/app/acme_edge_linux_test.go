package app_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/pebble"
	"fermata/internal/lab/port"
)

// A CA comes through the load balancer as everybody does.
func TestACertificateIsIssuedThroughHAProxyWithPROXYHeaders(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	haproxy := program(t, "haproxy")
	f := func(challenge string, asks func(*edge) pebble.Options) {
		t.Run(challenge, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t, nil)
			o := asks(e)
			o.DNS = e.dns.Address()
			e.ca = pebble.Start(t, o)
			plain, secure := port.Reserve(t), port.Reserve(t)
			b := &behind{dir: t.TempDir()}
			b.Stack = apptest.New(t, 1, strings.NewReplacer("address: "+e.tls, "address: "+secure+"\n    proxy_protocol: [127.0.0.1]",
				"address: "+e.http, "address: "+plain+"\n    proxy_protocol: [127.0.0.1]").Replace(e.config("", e.one)))
			b.run(t, e.tls, haproxy, "-db", "-f", b.write(t, "haproxy.cfg", fmt.Sprintf("defaults\n mode tcp\n timeout connect 10s\n timeout client 1m\n timeout server 1m\n"+
				"listen plain\n bind %s\n server f %s send-proxy-v2\nlisten tls\n bind %s\n server f %s send-proxy\n", e.http, plain, e.tls, secure)))
			e.await(b.Stack, e.one)
			b.is("a client of the issued certificate", e.tls, true, true)
		})
	}
	f("HTTP-01", func(e *edge) pebble.Options { return pebble.Options{HTTP: e.http} })
	f("TLS-ALPN-01", func(e *edge) pebble.Options { return pebble.Options{TLS: e.tls} })
}

// The CA shows no certificate of a client's, and needs a place like everybody.
func TestACertificateIsIssuedWhereClientsMustShowOneAndHandshakesAreMany(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	e, of := newEdge(t, nil), apptest.NewAuthority(t)
	e.ca = pebble.Start(t, pebble.Options{TLS: e.tls, DNS: e.dns.Address()})
	s := apptest.New(t, 1, "limits: {tls_handshakes: 1}\n"+
		strings.Replace(e.config("", e.one), "      acme:", "      client_ca: "+of.File+"\n      acme:", 1))
	for range 20 {
		slowly(s, "127.0.0.1", "\x16\x03\x01\x02\x00\x01")
	}
	s.Logs.WaitFor(t, "the certificate", func(line map[string]any) bool { return line["msg"] == "certificate" && line["reason"] == "issued" })
	if err := show(s, new(tls.Config)); err == nil || !strings.Contains(err.Error(), "bad certificate") {
		t.Errorf("got %v for a client without a certificate, want a refusal", err)
	}
	if err := show(s, new(tls.Config), of.Issue("me")); err != nil {
		t.Errorf("got %v for a client with a certificate, want it in", err)
	}
}

func TestTheResponseOfAnOCSPResponderIsStapled(t *testing.T) {
	t.Parallel()
	e := newEdge(t, nil)
	responder := httptest.NewUnstartedServer(nil)
	e.startCA(t, pebble.Options{OCSP: "http://" + responder.Listener.Addr().String()})
	issuer, key := e.ca.Issuer()
	responder.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, err := good(r.Body, issuer, key); err != nil {
			t.Error(err)
		} else {
			w.Write(text)
		}
	})
	responder.Start()
	defer responder.Close()
	s := apptest.New(t, 1, e.config("", e.one))
	e.await(s, e.one)
	conn, err := s.Handshake(e.one, new(tls.Config))
	if err != nil {
		t.Fatal(err)
	}
	state := conn.ConnectionState()
	if response, err := ocsp.ParseResponseForCert(state.OCSPResponse, state.PeerCertificates[0], issuer); err != nil || response.Status != ocsp.Good {
		t.Errorf("got %+v, %v stapled, want the responder's answer", response, err)
	}
}

// good is a responder's answer that a certificate is.
func good(question io.Reader, issuer *x509.Certificate, key crypto.Signer) ([]byte, error) {
	text, err := io.ReadAll(question)
	if err != nil {
		return nil, err
	}
	request, err := ocsp.ParseRequest(text)
	if err != nil {
		return nil, err
	}
	return ocsp.CreateResponse(issuer, issuer, ocsp.Response{
		Status: ocsp.Good, SerialNumber: request.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(24 * time.Hour),
	}, key)
}
