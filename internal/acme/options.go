// Package acme gets certificates from a CA by ACME (RFC 8555), keeps them, and renews
// them in time. It knows nothing of listeners and clients. certmagic, which does the
// work, is confined to it.
package acme

import (
	"github.com/caddyserver/certmagic"

	"fermata/internal/secret"
)

// Options are a listener's section tls.acme.
type Options struct {
	// Domains are the names that are to have a certificate, one each.
	Domains []string `yaml:"domains"`
	// Email is whom the CA may write to; empty: nobody.
	Email string `yaml:"email"`
	// CA is the URL of the CA's directory.
	CA string `yaml:"ca"`
	// CARoot is a PEM file of whom CA's own certificate is from; empty: those that the
	// system trusts.
	CARoot string `yaml:"ca_root"`
	// EAB ties our account to one that the CA has given out; the zero value: it is not.
	EAB EAB `yaml:"eab"`
}

// EAB is an external account binding (RFC 8555, 7.3.4).
type EAB struct {
	KeyID  string      `yaml:"key_id"`
	MACKey secret.Text `yaml:"mac_key"` // in base64url
}

// PublicCA is who issues unless the configuration says otherwise: Let's Encrypt.
const PublicCA = certmagic.LetsEncryptProductionCA

// SetDefaults fills what the section does not say.
func (o *Options) SetDefaults() { o.CA = PublicCA }
