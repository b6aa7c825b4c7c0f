package acme

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"strconv"

	"github.com/caddyserver/certmagic"
	rfc8555 "github.com/mholt/acmez/v3/acme"
)

// magic is certmagic's configuration for one keeper. Nothing is left to its defaults,
// which are the whole process's.
func (m *Manager) magic(k *keeper) (*certmagic.Config, *certmagic.ACMEIssuer) {
	log := quiet(m.deps.Log)
	config := certmagic.New(m.cache, certmagic.Config{
		Storage: m.deps.Storage, Logger: log, KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
		RenewalWindowRatio: certmagic.DefaultRenewalWindowRatio,
		OCSP:               certmagic.OCSPConfig{HTTPProxy: http.ProxyFromEnvironment}, // with it, the question has a time limit
		OnEvent: func(_ context.Context, event string, _ map[string]any) error {
			if event == "cert_obtained" {
				k.isFresh = true
				m.issued.Add(1)
			}
			return nil
		},
	})
	issuer := certmagic.NewACMEIssuer(config, m.issuer(k.account))
	config.Issuers = []certmagic.Issuer{issuer}
	return config, issuer
}

func (m *Manager) issuer(a Account) certmagic.ACMEIssuer {
	host, http, secure := m.ports.split()
	issuer := certmagic.ACMEIssuer{
		CA: a.CA, TrustedRoots: a.roots(), Agreed: true, Logger: quiet(m.deps.Log),
		// A blank one is none to the CA, and keeps certmagic from asking on the terminal.
		Email: cmp.Or(a.Email, " "),
		// We listen there already. certmagic finds the ports taken, and does not listen.
		ListenHost: host, AltHTTPPort: http, AltTLSALPNPort: secure,
		DisableHTTPChallenge: http == 0, DisableTLSALPNChallenge: secure == 0,
	}
	if a.CA == PublicCA {
		issuer.TestCA = certmagic.LetsEncryptStagingCA
	}
	if a.KeyID != "" {
		issuer.ExternalAccount = &rfc8555.EAB{KeyID: a.KeyID, MACKey: a.MACKey.Reveal()}
	}
	return issuer
}

// split is the host of both ports, empty if they have different ones, and the ports,
// 0 where there is none.
func (p Ports) split() (host string, http, secure int) {
	one, http := hostPort(p.HTTP)
	other, secure := hostPort(p.TLS)
	if http == 0 {
		one = other
	}
	if one != other && secure != 0 {
		one = ""
	}
	return one, http, secure
}

func hostPort(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0
	}
	port, _ = strconv.Atoi(text)
	return host, port
}
