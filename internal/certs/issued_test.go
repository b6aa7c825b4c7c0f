package certs

import (
	"crypto/tls"
	"slices"
	"sync"
	"testing"
	"time"
)

// issues are certificates that a CA has issued so far.
type issues struct {
	mu     sync.Mutex
	issued map[string]*tls.Certificate
	missed []string
}

func (i *issues) certificate(name string) *tls.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.issued[name]
}

func (i *issues) miss(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.missed = append(i.missed, name)
}

func (i *issues) wantMissed(t *testing.T, want ...string) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if !slices.Equal(i.missed, want) {
		t.Errorf("got missed %q, want %q", i.missed, want)
	}
}

func keyPair(t *testing.T, host string) *tls.Certificate {
	t.Helper()
	p := writePair(t, time.Now(), host)
	c, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

// issuing serves two names, of which one has a certificate, and pairs beside them.
func issuing(t *testing.T, pairs ...Pair) (address string, i *issues) {
	t.Helper()
	i = &issues{issued: map[string]*tls.Certificate{"one.example.com": keyPair(t, "one.example.com")}}
	challenge := keyPair(t, "challenge")
	s, err := Load(pairs, nil, Issued{
		Names: []string{"one.example.com", "two.example.com"}, Certificate: i.certificate, Missed: i.miss,
		Challenge: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return challenge, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return echo(t, s, tls.VersionTLS12), i
}

func shownTo(t *testing.T, address, name string, protocols ...string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protocols})
	if err != nil {
		return ""
	}
	defer conn.Close()
	return servedName(conn)
}

func TestWhatIsIssuedIsChosenBySNI(t *testing.T) {
	address, i := issuing(t)
	f := func(want, name string, protocols ...string) {
		t.Helper()
		if got := shownTo(t, address, name, protocols...); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("one.example.com", "ONE.example.com")
	f("one.example.com", "unknown.example.com")
	f("one.example.com", "127.0.0.1") // an address is never sent as SNI
	f("one.example.com", "one.example.com", "h2", "http/1.1")
	f("challenge", "one.example.com", "acme-tls/1")
	f("challenge", "two.example.com", "acme-tls/1")
	i.wantMissed(t)
	f("", "two.example.com")
	i.wantMissed(t, "two.example.com")
}

func TestPairsAndWhatIsIssuedAreServedSideBySide(t *testing.T) {
	now := time.Now()
	address, i := issuing(t, writePair(t, now, "pair.example.com"), writePair(t, now, "three.example.com"))
	f := func(want, name string) {
		t.Helper()
		if got := shownTo(t, address, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("one.example.com", "one.example.com")
	f("pair.example.com", "pair.example.com")
	f("three.example.com", "three.example.com")
	f("pair.example.com", "unknown.example.com") // the first pair is for all others
	f("", "two.example.com")                     // and not for what is not issued yet
	i.wantMissed(t, "two.example.com")
}

func TestAPairServesUntilTheFirstCertificateIsIssued(t *testing.T) {
	address, i := issuing(t, writePair(t, time.Now(), "*.example.com"))
	if got := shownTo(t, address, "two.example.com"); got != "*.example.com" {
		t.Errorf("got %q, want the pair", got)
	}
	issued := keyPair(t, "two.example.com")
	i.mu.Lock()
	i.issued["two.example.com"] = issued
	i.mu.Unlock()
	if got := shownTo(t, address, "two.example.com"); got != "two.example.com" {
		t.Errorf("got %q, want what was issued", got)
	}
	i.wantMissed(t)
}
