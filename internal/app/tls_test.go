package app_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/certs"
	"fermata/internal/config"
)

func TestTheServerNameChoosesTheCertificate(t *testing.T) {
	now := time.Now()
	s := apptest.New(t, 1, apptest.TLSListener("1.2", apptest.Pair(t, now, "a.example"), apptest.Pair(t, now, "b.example", "*.c.example")))
	s.SecureBystander()
	check := func(name, want string) {
		t.Helper()
		if got := s.Shown(name).DNSNames[0]; got != want {
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
	apptest.TakesSeconds(t)
	t.Parallel()
	old := apptest.Pair(t, time.Now(), "ws.example.com")
	s := apptest.New(t, 1, apptest.TLSListener("1.2", old))
	answers := s.SecureBystander()
	before := s.Shown("").SerialNumber

	copyPair(t, apptest.Pair(t, time.Now(), "ws.example.com"), old)
	s.Logs.Wait(t, "certificate")
	after := s.Shown("").SerialNumber
	if after.Cmp(before) == 0 {
		t.Errorf("got the old certificate, want the new one")
	}
	answers()

	if err := os.WriteFile(old.Cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Logs.Wait(t, "new certificate not taken over, the old one stays")
	if got := s.Shown("").SerialNumber; got.Cmp(after) != 0 {
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
		s := apptest.New(t, 1, apptest.TLSListener(minimum, apptest.Pair(t, time.Now(), "a.example")))
		_, err := s.Handshake("", &tls.Config{MinVersion: version, MaxVersion: version})
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
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.example"))+"timeouts: {header: 1s}\n")
	s.SecureBystander()
	w := s.Wire("GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, body := w.Answer(); r.StatusCode != 400 || !strings.Contains(body, "HTTP request to an HTTPS server") {
		t.Errorf("HTTP: got %d %s, want 400 with the reason", r.StatusCode, body)
	}
	for _, garbage := range []string{"\x00\x01garbage, and a lot of it", "\x16\x03\x01\x00\x05hello", "\x16\x03\x01"} {
		w := s.Wire(garbage)
		rest, err := io.ReadAll(w.From)
		if timeout, ok := err.(net.Error); len(rest) > 16 || ok && timeout.Timeout() {
			t.Errorf("%q: got %q, %v, want an alert at most, and the end", garbage, rest, err)
		}
	}
	s.Wire("").Ended() // a handshake that never begins
}

func TestAnExpiredCertificateIsServedAndWarnedOf(t *testing.T) {
	good, expired := apptest.Pair(t, time.Now(), "a.example"), apptest.Pair(t, time.Now().AddDate(-1, 0, 0), "b.example")
	s := apptest.New(t, 1, apptest.TLSListener("1.2", good, expired))
	s.SecureBystander()
	warned := func() {
		t.Helper()
		line := s.Logs.Wait(t, "doubtful configuration")
		reason, _ := line["reason"].(string)
		if line["level"] != "warn" || !strings.Contains(reason, "tls.certificates[1]: got a pair that clients refuse") {
			t.Errorf("got %v, want a warning of the pair that has expired", line)
		}
	}
	warned()
	if got := s.Shown("b.example").DNSNames[0]; got != "b.example" {
		t.Errorf("got the certificate of %s, want the expired one", got)
	}
	if got := s.Reload(); len(got) != 1 || !strings.Contains(got[0], "tls.certificates[1]: got a pair that clients refuse") {
		t.Errorf("reload: got the warnings %q, want one of the pair", got)
	}
	warned()
	if _, err := config.Check(s.File); !strings.Contains(fmt.Sprint(err), "tls.certificates[1]: got a pair that clients refuse") {
		t.Errorf("check: got %v, want the pair", err)
	}
}
