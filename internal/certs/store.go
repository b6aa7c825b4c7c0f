// Package certs keeps the certificates of the TLS listeners: it checks them,
// chooses among them by SNI, and swaps them when their files change.
package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"fermata/internal/secret"
)

// Store holds the certificates that are served now. A swap touches no client
// that is connected: a TLS connection keeps what its handshake took. Its
// methods may be called concurrently.
type Store struct {
	current atomic.Pointer[generation]
}

// generation is one set of certificates, which never changes.
type generation struct {
	pairs   []Pair
	tickets []secret.Text
	digest  digest // of the files
	certs   []tls.Certificate
	issued  Issued

	served atomic.Pointer[served]
}

// served is what crypto/tls is given for the handshakes of a day.
type served struct {
	day    int64
	config *tls.Config
}

// Load reads every pair, and errors with all that keeps one from being served.
// One that is not valid now is served: otherwise it would keep the others from
// being served, and clients refuse it anyway. The first certificate is for clients
// whose name fits none of them, or without a pair the first of those that are issued.
// Session tickets are keyed by the secrets; without any, by keys of this process.
func Load(pairs []Pair, tickets []secret.Text, issued Issued) (*Store, error) {
	if len(pairs) == 0 && len(issued.Names) == 0 {
		return nil, errors.New("got no certificates, want at least one")
	}
	texts, digest, err := readAll(pairs)
	if err != nil {
		return nil, err
	}
	certs, err := parseAll(pairs, texts)
	if err != nil {
		return nil, err
	}
	s := new(Store)
	s.current.Store(&generation{pairs: pairs, tickets: tickets, digest: digest, certs: certs, issued: issued})
	return s, nil
}

type digest [sha256.Size]byte

// readAll also returns the digest of what it read; where files cannot be read,
// that is the digest of why.
func readAll(pairs []Pair) ([]pairText, digest, error) {
	texts := make([]pairText, len(pairs))
	errs := make([]error, len(pairs))
	hash := sha256.New()
	for i, p := range pairs {
		texts[i], errs[i] = read(p)
		fmt.Fprintf(hash, "%q %q %v\n", texts[i].cert, texts[i].key, errs[i])
	}
	return texts, digest(hash.Sum(nil)), errors.Join(errs...)
}

func parseAll(pairs []Pair, texts []pairText) ([]tls.Certificate, error) {
	certs := make([]tls.Certificate, len(pairs))
	errs := make([]error, len(pairs))
	for i, p := range pairs {
		certs[i], errs[i] = parse(p, texts[i])
	}
	return certs, errors.Join(errs...)
}

// Config is for a listener; it follows every later swap. Without secrets for
// them, session tickets outlive a swap too: crypto/tls then takes their keys
// from the configuration that is returned here.
func (s *Store) Config(minVersion uint16) *tls.Config {
	return &tls.Config{
		MinVersion: minVersion,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			now := s.current.Load()
			if len(now.issued.Names) > 0 && isChallenge(hello) {
				return now.issued.challengeConfig(), nil
			}
			return now.config(minVersion, time.Now()), nil
		},
	}
}

// config is made once a day, since the tickets' keys change then.
func (g *generation) config(minVersion uint16, now time.Time) *tls.Config {
	if serving := g.served.Load(); serving != nil && serving.day == dayOf(now) && serving.config.MinVersion == minVersion {
		return serving.config
	}
	c := &tls.Config{
		MinVersion:   minVersion,
		Certificates: g.certs,
		NextProtos:   []string{"http/1.1"}, // an upgrade to WebSocket needs it
	}
	if len(g.issued.Names) > 0 {
		c.GetCertificate = g.choose
	}
	if len(g.tickets) > 0 {
		c.SetSessionTicketKeys(ticketKeys(g.tickets, now))
	}
	g.served.Store(&served{dayOf(now), c})
	return c
}

// Replace takes over the pairs and certificates of another store, which was
// loaded from a new configuration. It cannot fail.
func (s *Store) Replace(with *Store) { s.current.Store(with.current.Load()) }

// NotAfter is when the first of the certificates expires, the zero time if there is
// none yet.
func (s *Store) NotAfter() time.Time {
	var first time.Time
	for _, cert := range s.current.Load().all() {
		if first.IsZero() || cert.Leaf.NotAfter.Before(first) {
			first = cert.Leaf.NotAfter
		}
	}
	return first
}

// all are the certificates that there are now.
func (g *generation) all() []tls.Certificate {
	all := slices.Clone(g.certs)
	for _, name := range g.issued.Names {
		if cert := g.issued.Certificate(name); cert != nil {
			all = append(all, *cert)
		}
	}
	return all
}
