package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// LoadCA reads the certificates of a PEM file, at least one: those that sign what
// others show, or that others show themselves.
func LoadCA(name string) (*x509.CertPool, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return parseCA(name, text)
}

func parseCA(name string, text []byte) (*x509.CertPool, error) {
	pool, count := x509.NewCertPool(), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pool.AddCert(cert)
		count++
	}
	if count == 0 {
		return nil, fmt.Errorf("%s: %w", name, errNoCertificate)
	}
	return pool, nil
}

// LoadPair reads a pair. Its error is as that of Check, but for ErrNotValidNow.
func LoadPair(p Pair) (tls.Certificate, error) {
	text, err := read(p)
	if err != nil {
		return tls.Certificate{}, err
	}
	return parse(p, text)
}
