package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"strings"

	"fermata/internal/acme"
)

// validateACME looks at all listeners' sections, since a domain can be in several.
func (r *report) validateACME(c *Config) {
	first := map[string]string{} // by domain: the path of the section that had it first
	sections := map[string]*acme.Options{}
	for i, listen := range c.Listen {
		if listen.TLS == nil || listen.TLS.ACME == nil {
			continue
		}
		path, o := fmt.Sprintf("listen[%d].tls.acme", i), listen.TLS.ACME
		r.want(c.StateDir != "" || c.Cluster != nil, path, "got neither state_dir nor cluster, want one of them, to keep the certificates in")
		r.validateACMEAccount(path, o)
		r.validateDomains(path, o.Domains)
		for j, domain := range o.Domains {
			if before, again := first[domain]; again {
				r.want(sameAccount(o, sections[before]), fmt.Sprintf("%s.domains[%d]", path, j), "got %q with another account than in %s, want the same", domain, before)
				continue
			}
			first[domain], sections[path] = path, o
		}
	}
}

func sameAccount(a, b *acme.Options) bool {
	return a.CA == b.CA && a.Email == b.Email && a.CARoot == b.CARoot && a.EAB == b.EAB
}

func (r *report) validateACMEAccount(path string, o *acme.Options) {
	ca, err := url.Parse(o.CA)
	r.want(err == nil && ca.Scheme == "https" && ca.Host != "" && ca.User == nil, path+".ca", "got %q, want the https:// URL of a CA's directory", o.CA)
	if o.Email != "" {
		if err := acme.CheckEmail(o.Email); err != nil {
			r.want(false, path+".email", "%v", err)
		}
	}
	if err := acme.CheckRoots(o.CARoot); err != nil {
		r.want(false, path+".ca_root", "%v", err)
	}
	_, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(o.EAB.MACKey.Reveal(), "="))
	r.want(err == nil, path+".eab.mac_key", "got what is not base64url, want the key as the CA shows it")
	r.want((o.EAB.KeyID == "") == (o.EAB.MACKey == ""), path+".eab", "got one of key_id and mac_key, want both, or none")
}

func (r *report) validateDomains(path string, domains []string) {
	r.want(len(domains) > 0, path+".domains", "got no domains, want at least one")
	seen := map[string]string{}
	for i, domain := range domains {
		at := fmt.Sprintf("%s.domains[%d]", path, i)
		if err := acme.CheckDomain(domain); err != nil {
			r.want(false, at, "%v", err)
		}
		r.unique(seen, at, domain)
	}
}

// doubtACME looks for listeners at which a public CA will not arrive.
func (r *report) doubtACME(c *Config) {
	for i, listen := range c.Listen {
		if listen.TLS == nil || listen.TLS.ACME == nil || listen.TLS.ACME.CARoot != "" {
			continue
		}
		path, o := fmt.Sprintf("listen[%d].tls.acme", i), listen.TLS.ACME
		r.prefer(c.isReached(), path, "got no listener at which the CA arrives, want one on port 80 without tls, or one on port 443 with tls; or forward one of these ports to Fermata")
		for j, domain := range o.Domains {
			if err := acme.CheckPublicDomain(domain); err != nil {
				r.prefer(false, fmt.Sprintf("%s.domains[%d]", path, j), "%v, or a ca and its ca_root", err)
			}
		}
	}
}

// isReached is whether others than this machine can come to port 80, or to 443 with TLS.
func (c *Config) isReached() bool {
	for _, listen := range c.Listen {
		_, port, _ := net.SplitHostPort(listen.Address)
		if (port == "80" && listen.TLS == nil || port == "443" && listen.TLS != nil) && !isLoopback(listen.Address) {
			return true
		}
	}
	return false
}
