package nodetls

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	"fermata/internal/certs"
)

// Trust is what the files of an entry hold: whom its nodes must be signed by, and
// what they are shown. It never changes. Nil is that of the zero Options.
type Trust struct {
	roots *x509.CertPool // nil: the system's
	shown []tls.Certificate
	name  string
}

// Load reads the files. A certificate that is not valid now is shown all the same.
func Load(o Options) (*Trust, error) {
	t := &Trust{name: o.ServerName}
	if o.CA != "" {
		roots, err := certs.LoadCA(o.CA)
		if err != nil {
			return nil, err
		}
		t.roots = roots
	}
	if o.ClientCert != "" {
		shown, err := certs.LoadPair(o.Pair())
		if err != nil {
			return nil, err
		}
		t.shown = []tls.Certificate{shown}
	}
	return t, nil
}

// Renewed is what the files hold at this time: t itself where that has not changed, and
// with an error, where they are no good or the certificate is not valid.
func (t *Trust) Renewed(o Options, at time.Time) (*Trust, error) {
	next, err := Load(o)
	if err != nil || next.equal(t) {
		return t, err
	}
	if o.ClientCert != "" {
		if err := certs.Check(o.Pair(), at); err != nil {
			return t, err
		}
	}
	return next, nil
}

// config is for a node at host.
func (t *Trust) config(host string) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		ClientSessionCache: tls.NewLRUClientSessionCache(1), // of one name
	}
	if t != nil {
		c.ServerName, c.RootCAs, c.Certificates = cmp.Or(t.name, host), t.roots, t.shown
	}
	return c
}

func (t *Trust) equal(other *Trust) bool {
	if t == nil || other == nil {
		return t == other
	}
	return t.name == other.name && t.roots.Equal(other.roots) &&
		slices.EqualFunc(t.shown, other.shown, func(a, b tls.Certificate) bool {
			return slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
		})
}

// Clients are the configurations of the nodes, each with the sessions that its node
// can resume. The zero value has none. Its methods must not be called concurrently.
type Clients struct {
	now, next map[string]client // by the node's name
}

type client struct {
	trust  *Trust
	host   string
	config *tls.Config
}

// Of is the configuration for the node of that name at that host. It is the same
// one as before, with its sessions, where trust and host are.
func (c *Clients) Of(node string, trust *Trust, host string) *tls.Config {
	is, ok := c.now[node]
	if !ok || is.host != host || !is.trust.equal(trust) {
		is = client{trust, host, trust.config(host)}
	}
	if c.next == nil {
		c.next = make(map[string]client)
	}
	c.next[node] = is
	return is.config
}

// Keep forgets all that Of was not asked for since the last call.
func (c *Clients) Keep() { c.now, c.next = c.next, nil }
