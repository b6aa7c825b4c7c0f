package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/certs"
)

// pair writes a self-signed certificate for these hosts into a folder of its
// own.
func pair(t *testing.T, now time.Time, hosts ...string) certs.Pair {
	t.Helper()
	p, err := certs.WriteSelfSigned(t.TempDir(), hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tlsListener is the configuration of a listener with these certificates.
func tlsListener(minVersion string, pairs ...certs.Pair) string {
	var all []string
	for _, p := range pairs {
		all = append(all, fmt.Sprintf("{cert: %q, key: %q}", filepath.ToSlash(p.Cert), filepath.ToSlash(p.Key)))
	}
	return fmt.Sprintf("listen:\n  - address: 127.0.0.1:0\n    tls:\n      min_version: %q\n      certificates:\n        - %s\n",
		minVersion, strings.Join(all, "\n        - "))
}

// handshake connects as a client that wants this server name, and trusts
// whatever it is shown.
func (s *stack) handshake(name string, o *tls.Config) (*tls.Conn, error) {
	s.t.Helper()
	o.ServerName, o.InsecureSkipVerify = name, true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", s.client, o)
	if err == nil {
		s.t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(testTimeout))
	}
	return conn, err
}

// shown is the certificate that a client is shown.
func (s *stack) shown(name string) *x509.Certificate {
	s.t.Helper()
	conn, err := s.handshake(name, &tls.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0]
}

// secureWire is wire over TLS.
func (s *stack) secureWire(request string) *wire {
	s.t.Helper()
	conn, err := s.handshake("", &tls.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	w := &wire{conn, s.t, bufio.NewReader(conn)}
	w.send(request)
	return w
}

// secureBystander is a client over TLS that must not notice anything; it
// returns how to ask it.
func (s *stack) secureBystander() (answers func()) {
	s.t.Helper()
	w := s.secureWire(wireUpgrade + "\r\n")
	r, _ := w.answer()
	if r.StatusCode != 101 || len(r.Cookies()) != 1 || !r.Cookies()[0].Secure {
		s.t.Fatalf("over TLS: got %d with %v, want 101 with a secure cookie", r.StatusCode, r.Cookies())
	}
	w.frame()
	answers = func() {
		s.t.Helper()
		w.send(clientFrame(`{"event":"pusher:ping","data":{}}`))
		if _, payload := w.frame(); !strings.Contains(payload, "pusher:pong") {
			s.t.Errorf("got %s, want pusher:pong", payload)
		}
	}
	answers()
	s.t.Cleanup(answers)
	return answers
}

func TestTheServerNameChoosesTheCertificate(t *testing.T) {
	now := time.Now()
	s := newStack(t, 1, tlsListener("1.2", pair(t, now, "a.example"), pair(t, now, "b.example", "*.c.example")))
	s.secureBystander()
	check := func(name, want string) {
		t.Helper()
		if got := s.shown(name).DNSNames[0]; got != want {
			t.Errorf("%q: got the certificate of %s, want %s", name, got, want)
		}
	}
	check("a.example", "a.example")
	check("b.example", "b.example")
	check("ws.c.example", "b.example")
	check("unknown.example", "a.example")
	check("", "a.example")
}

func TestANewCertificateTouchesNoClient(t *testing.T) {
	old := pair(t, time.Now(), "ws.example.com")
	s := newStack(t, 1, tlsListener("1.2", old))
	answers := s.secureBystander()
	before := s.shown("").SerialNumber

	copyPair(t, pair(t, time.Now(), "ws.example.com"), old)
	s.logs.wait(t, "certificate")
	after := s.shown("").SerialNumber
	if after.Cmp(before) == 0 {
		t.Errorf("got the old certificate, want the new one")
	}
	answers()

	if err := os.WriteFile(old.Cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.logs.wait(t, "new certificate not taken over, the old one stays")
	if got := s.shown("").SerialNumber; got.Cmp(after) != 0 {
		t.Errorf("with a broken file: got another certificate than before")
	}
}

func copyPair(t *testing.T, from, to certs.Pair) {
	t.Helper()
	for from, to := range map[string]string{from.Cert: to.Cert, from.Key: to.Key} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	check := func(minimum string, version uint16, want bool) {
		t.Helper()
		s := newStack(t, 1, tlsListener(minimum, pair(t, time.Now(), "a.example")))
		_, err := s.handshake("", &tls.Config{MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("minimum %s, client with %s: got %v, want a handshake: %v", minimum, tls.VersionName(version), err, want)
		}
	}
	check("1.2", tls.VersionTLS11, false)
	check("1.2", tls.VersionTLS12, true)
	check("1.3", tls.VersionTLS12, false)
	check("1.3", tls.VersionTLS13, true)
}

func TestWhatIsNoTLSIsSentAwayFromATLSPort(t *testing.T) {
	s := newStack(t, 1, tlsListener("1.2", pair(t, time.Now(), "a.example"))+"timeouts: {header: 1s}\n")
	s.secureBystander()
	w := s.wire("GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, body := w.answer(); r.StatusCode != 400 || !strings.Contains(body, "HTTP request to an HTTPS server") {
		t.Errorf("HTTP: got %d %s, want 400 with the reason", r.StatusCode, body)
	}
	for _, garbage := range []string{"\x00\x01garbage, and a lot of it", "\x16\x03\x01\x00\x05hello", "\x16\x03\x01"} {
		w := s.wire(garbage)
		rest, err := io.ReadAll(w.from)
		if timeout, ok := err.(net.Error); len(rest) > 16 || ok && timeout.Timeout() {
			t.Errorf("%q: got %q, %v, want an alert at most, and the end", garbage, rest, err)
		}
	}
	s.wire("").ended() // a handshake that never begins
}

// serveAlone runs "fermata serve" with this configuration and waits until it
// ends by itself.
func serveAlone(t *testing.T, configuration string) output {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "fermata.yaml")
	configuration = fmt.Sprintf("admin: {address: %q}\nnodes: [{name: a, url: http://127.0.0.1:9}]\n", "unix:"+filepath.Join(dir, "admin.sock")) + configuration
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	return fermata(ctx, "serve", "-c", file)
}

func TestACertificateThatCannotBeServedStopsTheStart(t *testing.T) {
	check := func(p certs.Pair, want string) {
		t.Helper()
		got := serveAlone(t, tlsListener("1.2", p))
		got.has(t, exitUsage, "", "fermata.yaml:8: listen[0].tls.certificates[0]: ")
		got.has(t, exitUsage, "", want)
	}
	good, other := pair(t, time.Now(), "a.example"), pair(t, time.Now(), "b.example")
	check(certs.Pair{Cert: good.Cert, Key: other.Key}, "is no key for")
	check(certs.Pair{Cert: good.Cert, Key: good.Cert}, "is no key for")
	check(certs.Pair{Cert: good.Cert + ".none", Key: good.Key}, "no such file")
}

func TestAnExpiredCertificateIsServedAndWarnedOf(t *testing.T) {
	good, expired := pair(t, time.Now(), "a.example"), pair(t, time.Now().AddDate(-1, 0, 0), "b.example")
	s := newStack(t, 1, tlsListener("1.2", good, expired))
	s.secureBystander()
	warned := func() {
		t.Helper()
		line := s.logs.wait(t, "doubtful configuration")
		reason, _ := line["reason"].(string)
		if line["level"] != "warn" || !strings.Contains(reason, "tls.certificates[1]: got a pair that clients refuse") {
			t.Errorf("got %v, want a warning of the pair that has expired", line)
		}
	}
	warned()
	if got := s.shown("b.example").DNSNames[0]; got != "b.example" {
		t.Errorf("got the certificate of %s, want the expired one", got)
	}
	if code, _, errOut := s.cli("reload"); code != exitDone || !strings.Contains(errOut, "tls.certificates[1]: got a pair that clients refuse") {
		t.Errorf("reload: got exit %d, %q, want 0 and a warning", code, errOut)
	}
	warned()
	check := fermata(t.Context(), "check", "-c", s.file)
	check.has(t, exitUsage, "", "tls.certificates[1]: got a pair that clients refuse")
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := serveAlone(t, fmt.Sprintf("listen: [{address: \"127.0.0.1:0\"}, {address: %q}]\n", l.Addr()))
	got.has(t, exitFailed, "", "fermata: listen[1]: ")
	got.has(t, exitFailed, "", l.Addr().String())
	got.has(t, exitFailed, "", "address already in use")
}
