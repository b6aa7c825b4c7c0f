package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"regexp"
	"testing"
	"time"

	"fermata/internal/certs"
)

func TestWhyACertificateIsRefusedIsSaidInWords(t *testing.T) {
	leaf := &x509.Certificate{
		DNSNames: []string{"a.internal"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
		Subject: pkix.Name{CommonName: "a"}, Issuer: pkix.Name{CommonName: "internal-ca"},
		NotAfter: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	early := &x509.Certificate{DNSNames: []string{"a.internal"}, NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}
	self := &x509.Certificate{DNSNames: []string{"a.internal"}, Subject: pkix.Name{CommonName: "a"}, Issuer: pkix.Name{CommonName: "a"}}
	check := func(err error, reason certs.Reason, want string) {
		t.Helper()
		got, text := certs.Refused(err)
		if got != reason || !regexp.MustCompile("^"+want+"$").MatchString(text) {
			t.Errorf("%v: got %d, %q, want %d, %q", err, got, text, reason, want)
		}
	}
	check(x509.HostnameError{Certificate: leaf, Host: "b"}, certs.WrongName, `certificate is not valid for b, but for a\.internal, 10\.0\.0\.1`)
	check(x509.UnknownAuthorityError{Cert: leaf}, certs.NotTrusted, `certificate for a\.internal, 10\.0\.0\.1 is signed by internal-ca, which is not trusted`)
	check(x509.UnknownAuthorityError{Cert: self}, certs.NotTrusted, `certificate for a\.internal is signed by itself, which is not trusted`)
	check(x509.UnknownAuthorityError{Cert: &x509.Certificate{Subject: pkix.Name{CommonName: "a"}}}, certs.NotTrusted,
		`certificate for no name at all \(its common name a does not count\) is signed by nobody with a name, which is not trusted`)
	check(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}, certs.NotValidNow, `certificate for a\.internal, 10\.0\.0\.1: expired 2020-01-01T00:00:00Z, it is 20.*Z`)
	check(x509.CertificateInvalidError{Cert: early, Reason: x509.Expired}, certs.NotValidNow, `certificate for a\.internal: not valid before 20.*Z, it is 20.*Z`)
	check(tls.RecordHeaderError{}, certs.NotTLS, "the answer is none of TLS")
	check(errors.New("any other"), certs.Other, "")
}
