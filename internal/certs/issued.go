package certs

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// Issued is what a CA issues to this process itself, beside the pairs of files. Its
// functions are called in handshakes, concurrently, and must not be nil unless Names
// is empty. The zero value is nothing.
type Issued struct {
	// Names are those that it has certificates for, now or later, in small letters.
	Names []string
	// Certificate is the one for a name; nil: there is none yet.
	Certificate func(name string) *tls.Certificate
	// Missed is told of a client that could not be shown one because of that.
	Missed func(name string)
	// Challenge is what the CA wants to be shown (TLS-ALPN-01, RFC 8737).
	Challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// challengeProtocol is what only the CA asks for, and nothing else with it.
const challengeProtocol = "acme-tls/1"

func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == challengeProtocol
}

// challengeConfig is for a handshake of the CA.
func (i Issued) challengeConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{challengeProtocol},
		GetCertificate: i.Challenge, SessionTicketsDisabled: true,
	}
}

// errNotIssued ends a handshake.
var errNotIssued = errors.New("the certificate is not issued yet")

// choose is tls.Config.GetCertificate: nil leaves the choice to crypto/tls, which has
// the pairs. A name whose certificate is not issued yet gets a pair that is for it, or
// nothing: a wrong one would only hide what is missing.
func (g *generation) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	if !slices.Contains(g.issued.Names, name) {
		if len(g.certs) > 0 {
			return nil, nil
		}
		name = g.issued.Names[0]
	}
	if cert := g.issued.Certificate(name); cert != nil {
		return cert, nil
	}
	for i := range g.certs {
		if hello.SupportsCertificate(&g.certs[i]) == nil {
			return &g.certs[i], nil
		}
	}
	g.issued.Missed(name)
	return nil, errNotIssued
}
