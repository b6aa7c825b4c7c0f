//go:build unix

package acme

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/lab/pebble"
	"fermata/internal/secret"
)

func TestACertificateIsIssuedOverEitherPort(t *testing.T) {
	t.Parallel()
	for name, only := range map[string]func(*Ports){
		"HTTP-01":     func(p *Ports) { p.TLS = "" },
		"TLS-ALPN-01": func(p *Ports) { p.HTTP = "" },
		"both":        func(*Ports) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			only(&s.ports)
			s.startCA(pebble.Options{})
			s.listen()
			s.order()
			if got := s.next(s.served); got.Domain != s.domain || !got.Issued || got.NotAfter.IsZero() {
				t.Errorf("got %+v, want one that was issued", got)
			}
			if s.ports.TLS != "" {
				if err := s.leaf().VerifyHostname(s.domain); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestARestartOrdersNothing(t *testing.T) {
	t.Parallel()
	folder := NewFolder(t.TempDir())
	first := newSite(t, func(d *Deps) { d.Storage = folder })
	first.startCA(pebble.Options{})
	first.listen()
	first.order()
	first.next(first.served)
	first.stop()

	first.ca.Stop() // so that an order would fail
	second := newSite(t, func(d *Deps) { d.Storage = folder })
	second.options = first.options
	second.order()
	if got := second.next(second.served); got.Issued || !got.NotAfter.Equal(first.States()[0].NotAfter) {
		t.Errorf("got %+v, want the certificate of before, taken from the storage", got)
	}
}

func TestKeysAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "acme")
	s := newSite(t, func(d *Deps) { d.Storage = NewFolder(dir) })
	s.startCA(pebble.Options{})
	s.listen()
	s.order()
	s.next(s.served)
	keys := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got %v, want nothing for others", path, info.Mode())
		}
		if strings.HasSuffix(path, ".key") {
			keys++
		}
		return err
	})
	if err != nil || keys != 2 {
		t.Errorf("got %d keys and %v, want those of the account and of the certificate", keys, err)
	}
}

func TestACAThatWantsAnAccountOfItsOwnGetsIt(t *testing.T) {
	t.Parallel()
	key := base64.RawURLEncoding.EncodeToString([]byte("a key of the CA's, for HMAC-SHA256"))
	s := newSite(t, nil)
	s.startCA(pebble.Options{EAB: map[string]string{"kid-1": key}})
	s.listen()
	s.order()
	if got := s.next(s.failed); !strings.Contains(got.Reason, "externalAccountRequired") {
		t.Errorf("got %q, want that an account is required", got.Reason)
	}
	s.options.EAB = EAB{KeyID: "kid-1", MACKey: "d3Jvbmc"}
	s.order()
	s.options.EAB = EAB{KeyID: "kid-1", MACKey: secret.Text(key)}
	s.order()
	if got := s.next(s.served); !got.Issued {
		t.Errorf("got %+v, want one that was issued", got)
	}
}

func TestOnlyTheCAsQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{})
	s.listen()
	s.order()
	s.next(s.served)
	for _, host := range []string{s.domain, "other.example.com", ""} {
		r, err := http.NewRequest(http.MethodGet, "http://"+s.ports.HTTP+"/.well-known/acme-challenge/token", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("for host %q: got %d, want it to be passed on", host, answer.StatusCode)
		}
	}
}

func TestWhatCertmagicLogsIsForDebugging(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.startCA(pebble.Options{Refused: []string{s.domain}})
	s.listen()
	s.order()
	s.next(s.failed)
	for _, line := range s.logs.All() {
		if line.Level.String() != "debug" {
			t.Errorf("got %s %q, want debug", line.Level, line.Message)
		}
	}
}
