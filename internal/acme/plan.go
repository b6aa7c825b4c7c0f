package acme

import (
	"crypto/x509"
	"errors"
	"fmt"

	"fermata/internal/regular"
	"fermata/internal/secret"
)

// Plan says which domains are to have certificates, and from whom. The zero value
// has none.
type Plan map[string]Account

// Account is what the certificates of a domain are got with. Accounts can be compared.
type Account struct {
	CA, Email string
	Roots     string // PEM of whom CA's own certificate is from; empty: the system's
	KeyID     string
	MACKey    secret.Text
}

// NewPlan reads the files that the listeners' sections name. A nil one is none.
func NewPlan(listeners []*Options) (Plan, error) {
	plan := make(Plan)
	for _, o := range listeners {
		if o == nil {
			continue
		}
		account := Account{CA: o.CA, Email: o.Email, KeyID: o.EAB.KeyID, MACKey: o.EAB.MACKey}
		var err error
		if account.Roots, err = readRoots(o.CARoot); err != nil {
			return nil, err
		}
		for _, domain := range o.Domains {
			plan[domain] = account
		}
	}
	return plan, nil
}

// CheckRoots is an error if the file is none of certificates.
func CheckRoots(file string) error {
	_, err := readRoots(file)
	return err
}

// mostRoots is above what all public CAs together need.
const mostRoots = 1 << 20

func readRoots(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := regular.Read(file, mostRoots)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return "", fmt.Errorf("%s: %w", file, errors.New("got no certificate, want one in PEM"))
	}
	return string(text), nil
}

// roots is nil for those of the system.
func (a Account) roots() *x509.CertPool {
	if a.Roots == "" {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(a.Roots))
	return pool
}
