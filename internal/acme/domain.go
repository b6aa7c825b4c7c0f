package acme

import (
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"strings"
)

// domainName is a name of the DNS, as it stands in a certificate.
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckDomain is an error if no certificate can be got for the name with HTTP-01 and
// TLS-ALPN-01.
func CheckDomain(name string) error {
	_, err := netip.ParseAddr(name)
	switch {
	case err == nil:
		return fmt.Errorf("got the address %q, want a name: clients do not tell which address they want", name)
	case strings.HasPrefix(name, "*."):
		return fmt.Errorf("got the wildcard %q, want a name: wildcards need the DNS-01 challenge, which Fermata does not answer", name)
	case len(name) > 253 || !domainName.MatchString(name):
		return fmt.Errorf("got %.300q, want a name such as ws.example.com in small letters (an international one in its xn-- form)", name)
	}
	return nil
}

// CheckPublicDomain is CheckDomain, and an error if public CAs know no such name.
func CheckPublicDomain(name string) error {
	if err := CheckDomain(name); err != nil {
		return err
	}
	if !strings.Contains(name, ".") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".localhost") {
		return fmt.Errorf("got %q, for which no public CA issues a certificate, want a public name", name)
	}
	return nil
}

// CheckEmail is an error if it is not the address of a mailbox, alone.
func CheckEmail(email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email {
		return fmt.Errorf("got %.300q, want an address such as ops@example.com, or none", email)
	}
	return nil
}
