package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fermata/internal/regular"
)

// Pair names the PEM files of one certificate and its private key. Both may be
// the same file.
type Pair struct {
	// Cert holds the certificate, followed by its intermediates.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// ErrNotValidNow is part of the error for a pair that can be served, and that
// clients refuse: its validity is over or has not begun.
var ErrNotValidNow = errors.New("not valid now")

// Check says what is wrong with a pair at the given time: a missing or
// unreadable file, a key of another certificate, or else ErrNotValidNow. The
// error never shows any of the key.
func Check(p Pair, now time.Time) error {
	text, err := read(p)
	if err != nil {
		return err
	}
	cert, err := parse(p, text)
	if err != nil {
		return err
	}
	return checkValidity(p, cert.Leaf, now)
}

// pairText is what the two files of a pair hold.
type pairText struct{ cert, key []byte }

func read(p Pair) (text pairText, err error) {
	if text.cert, err = readFile(p.Cert); err != nil {
		return text, err
	}
	text.key, err = readFile(p.Key)
	return text, err
}

// maxFileSize is far above what a chain of certificates needs.
const maxFileSize = 1 << 20

func readFile(name string) ([]byte, error) {
	text, err := regular.Read(name, maxFileSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

func parse(p Pair, text pairText) (tls.Certificate, error) {
	leaf, err := parseLeaf(text.cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s: %w", p.Cert, err)
	}
	if isEncrypted(text.key) {
		return tls.Certificate{}, fmt.Errorf("%s: got an encrypted key, want one without a passphrase", p.Key)
	}
	cert, err := tls.X509KeyPair(text.cert, text.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s is no key for %s (%s): %s", p.Key, p.Cert, subject(leaf), strings.TrimPrefix(err.Error(), "tls: "))
	}
	return cert, nil
}

// parseLeaf returns the first certificate of a PEM file, the one that the key
// belongs to.
func parseLeaf(text []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errNoCertificate
}

var errNoCertificate = errors.New("got no certificate, want one in PEM")

func isEncrypted(key []byte) bool {
	return bytes.Contains(key, []byte("BEGIN ENCRYPTED")) || bytes.Contains(key, []byte("4,ENCRYPTED"))
}

func checkValidity(p Pair, leaf *x509.Certificate, now time.Time) error {
	why := whyNotNow(leaf, now)
	if why == "" {
		return nil
	}
	return notValidNow(fmt.Sprintf("%s (%s): %s, it is %s", p.Cert, subject(leaf), why, date(now)))
}

// whyNotNow is why the certificate is not valid at that time; empty: it is.
func whyNotNow(leaf *x509.Certificate, now time.Time) string {
	switch {
	case now.After(leaf.NotAfter):
		return "expired " + date(leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		return "not valid before " + date(leaf.NotBefore)
	}
	return ""
}

// notValidNow is ErrNotValidNow, with what is to be said about it.
type notValidNow string

func (e notValidNow) Error() string        { return string(e) }
func (e notValidNow) Is(target error) bool { return target == ErrNotValidNow }

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// subject is what a person calls the certificate: the names that it is for.
func subject(leaf *x509.Certificate) string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return leaf.Subject.String()
	}
	return strings.Join(names, ", ")
}
