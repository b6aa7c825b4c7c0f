package app_test

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/certs"
)

// guarded is a Fermata whose clients must show a certificate of this authority.
func guarded(t *testing.T, ca string) *apptest.Stack {
	t.Helper()
	text := apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "ws.example.com"))
	return apptest.New(t, 1, strings.Replace(text, "certificates:", "client_ca: "+ca+"\n      certificates:", 1))
}

// show connects with a certificate, and asks for /up.
func show(s *apptest.Stack, o *tls.Config, p ...certs.Pair) error {
	s.T.Helper()
	for _, p := range p {
		shown, err := certs.LoadPair(p)
		if err != nil {
			s.T.Fatal(err)
		}
		o.Certificates = append(o.Certificates, shown)
	}
	conn, err := s.Handshake("", o)
	if err != nil {
		return err
	}
	conn.Write([]byte("GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
	_, err = conn.Read(make([]byte, 1)) // in TLS 1.3 a refusal comes after the handshake
	return err
}

func TestAClientMustShowACertificateOfTheAuthority(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	s := guarded(t, of.File)
	f := func(want string, version uint16, p ...certs.Pair) {
		t.Helper()
		err := show(s, &tls.Config{MaxVersion: version}, p...)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("TLS %x: got %v, want %q", version, err, want)
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f("", version, of.Issue("me"))
		f("bad certificate", version)
		f("bad certificate", version, apptest.NewAuthority(t).Issue("somebody"))
		f("bad certificate", version, apptest.Pair(t, time.Now(), "server")) // which Go's client does not show, as it is of none of them
	}
	s.HasMetric(`fermata_client_certificates_refused_total{reason="none"} 4`)
	s.HasMetric(`fermata_client_certificates_refused_total{reason="untrusted"} 2`)
	s.Logs.Wait(t, "client refused for its certificate")
	if s.Logs.Has("client refused for its certificate") {
		t.Error("got a second line within a minute, want one")
	}
}

// An authority that is gone lets nobody in, also not with a session of before.
func TestAChangedClientCAIsTakenOver(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	old, next := apptest.NewAuthority(t), apptest.NewAuthority(t)
	s := guarded(t, old.File)
	client, later := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1)}, &tls.Config{}
	if err := show(s, client, old.Issue("me")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(next.File)
	if err == nil {
		err = os.WriteFile(old.File, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Logs.Wait(t, "certificate")
	if err := show(s, client); err == nil {
		t.Error("got a client of the old authority let in, want it refused")
	}
	if err := show(s, later, next.Issue("me")); err != nil {
		t.Errorf("got %v, want a client of the new authority let in", err)
	}
	if err := os.WriteFile(old.File, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Logs.Wait(t, "new client_ca not taken over, the old one stays")
	if err := show(s, later, next.Issue("me")); err != nil {
		t.Errorf("got %v, want the authority to stay", err)
	}
}
