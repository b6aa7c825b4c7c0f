package certs

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reason is why a certificate of the other side is refused, or its handshake is none.
type Reason int

// What Reason can be.
const (
	Other       Reason = iota
	WrongName          // it is for other names
	NotTrusted         // of the authorities none has signed it
	NotValidNow        // it has expired, or its time has not come
	NotTLS             // what came is none of TLS
)

// Refused says for people why a handshake has failed, as far as the error is about
// what the other side has sent. With Other the text is empty.
func Refused(err error) (Reason, string) {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return WrongName, fmt.Sprintf("certificate is not valid for %s, but for %s", host.Host, namesOf(host.Certificate))
	case errors.As(err, &unknown):
		return NotTrusted, fmt.Sprintf("certificate for %s is signed by %s, which is not trusted", namesOf(unknown.Cert), signerOf(unknown.Cert))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return NotValidNow, fmt.Sprintf("certificate for %s: %s, it is %s", namesOf(invalid.Cert), whyNotNow(invalid.Cert, time.Now()), date(time.Now()))
	case errors.As(err, new(tls.RecordHeaderError)):
		return NotTLS, "the answer is none of TLS"
	}
	return Other, ""
}

// mostNames are shown of a certificate.
const mostNames = 5

func namesOf(cert *x509.Certificate) string {
	if cert == nil {
		return "nobody"
	}
	names := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0 && cert.Subject.CommonName != "":
		return "no name at all (its common name " + cert.Subject.CommonName + " does not count)"
	case len(names) == 0:
		return "no name at all"
	case len(names) > mostNames:
		names = append(names[:mostNames], fmt.Sprintf("%d others", len(names)-mostNames))
	}
	return strings.Join(names, ", ")
}

func signerOf(cert *x509.Certificate) string {
	switch {
	case cert == nil:
		return "nobody"
	case cert.Issuer.String() == cert.Subject.String():
		return "itself"
	}
	return fmt.Sprintf("%.60s", cmp.Or(cert.Issuer.CommonName, cert.Issuer.String(), "nobody with a name"))
}
