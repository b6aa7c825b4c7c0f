package apptest

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/certs"
)

// Pair writes a self-signed certificate for these hosts into a folder of its
// own.
func Pair(t *testing.T, now time.Time, hosts ...string) certs.Pair {
	t.Helper()
	p, err := certs.WriteSelfSigned(t.TempDir(), hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TLSListener is the configuration of a listener with these certificates.
func TLSListener(minVersion string, pairs ...certs.Pair) string {
	var all []string
	for _, p := range pairs {
		all = append(all, fmt.Sprintf("{cert: %q, key: %q}", filepath.ToSlash(p.Cert), filepath.ToSlash(p.Key)))
	}
	return fmt.Sprintf("listen:\n  - address: 127.0.0.1:0\n    tls:\n      min_version: %q\n      certificates:\n        - %s\n",
		minVersion, strings.Join(all, "\n        - "))
}

// Shown is the certificate that a client is shown.
func (s *Stack) Shown(name string) *x509.Certificate {
	s.T.Helper()
	conn, err := s.Handshake(name, &tls.Config{})
	if err != nil {
		s.T.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0]
}

// Handshake connects as a client that wants this server name, and trusts
// whatever it is shown.
func (s *Stack) Handshake(name string, o *tls.Config) (*tls.Conn, error) {
	s.T.Helper()
	o.ServerName, o.InsecureSkipVerify = name, true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: Timeout}, "tcp", s.Address, o)
	if err == nil {
		s.T.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(Timeout))
	}
	return conn, err
}

// SecureWire is Wire over TLS.
func (s *Stack) SecureWire(request string) *Wire {
	s.T.Helper()
	conn, err := s.Handshake("", &tls.Config{})
	if err != nil {
		s.T.Fatal(err)
	}
	w := &Wire{conn, s.T, bufio.NewReader(conn)}
	w.Send(request)
	return w
}

// SecureBystander is a client over TLS that must not notice anything; it
// returns how to ask it.
func (s *Stack) SecureBystander() (answers func()) {
	s.T.Helper()
	w := s.SecureWire(WireUpgrade + "\r\n")
	r, _ := w.Answer()
	if r.StatusCode != 101 || len(r.Cookies()) != 1 || !r.Cookies()[0].Secure {
		s.T.Fatalf("over TLS: got %d with %v, want 101 with a secure cookie", r.StatusCode, r.Cookies())
	}
	w.Frame()
	answers = func() {
		s.T.Helper()
		w.Send(ClientFrame(`{"event":"pusher:ping","data":{}}`))
		if _, payload := w.Frame(); !strings.Contains(payload, "pusher:pong") {
			s.T.Errorf("got %s, want pusher:pong", payload)
		}
	}
	answers()
	s.T.Cleanup(answers)
	return answers
}

// Secure goes on over TLS.
func (w *Wire) Secure(o *tls.Config) {
	w.t.Helper()
	conn := tls.Client(w.Conn, o)
	if err := conn.Handshake(); err != nil {
		w.t.Fatal(err)
	}
	w.Conn, w.From = conn, bufio.NewReader(conn)
}
