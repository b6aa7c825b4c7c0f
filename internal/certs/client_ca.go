package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// ClientCA is who must have signed the certificates of a listener's clients. Without
// a file clients need none. Its methods may be called concurrently.
type ClientCA struct {
	current atomic.Pointer[authority]
	refused func(error)
}

// authority never changes.
type authority struct {
	file string         // empty: none
	pool *x509.CertPool // nil: none
	last atomic.Pointer[guarded]
}

// guarded is the last configuration that was made for a listener's.
type guarded struct{ from, config *tls.Config }

// LoadClientCA reads the file; empty: there is none. Refused is told of each client
// that shows no certificate, or none of them; nil: nobody wants to know.
func LoadClientCA(file string, refused func(error)) (*ClientCA, error) {
	now := &authority{file: file}
	if file != "" {
		pool, err := LoadCA(file)
		if err != nil {
			return nil, err
		}
		now.pool = pool
	}
	c := &ClientCA{refused: refused}
	c.current.Store(now)
	return c, nil
}

// Replace takes over the file of another one, which was loaded from a new
// configuration. It cannot fail.
func (c *ClientCA) Replace(with *ClientCA) { c.current.Store(with.current.Load()) }

// Guard makes of a listener's configuration one that asks clients for a certificate,
// where there is a file. The challenge of a CA by ALPN shows none and needs none.
func (c *ClientCA) Guard(o *tls.Config) *tls.Config {
	choose := o.GetConfigForClient
	o.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen, err := choose(hello)
		now := c.current.Load()
		if err != nil || now.pool == nil || slices.Equal(hello.SupportedProtos, []string{"acme-tls/1"}) {
			return chosen, err
		}
		return c.guard(now, chosen), nil
	}
	return o
}

func (c *ClientCA) guard(now *authority, o *tls.Config) *tls.Config {
	if last := now.last.Load(); last != nil && last.from == o {
		return last.config
	}
	with := o.Clone()
	with.ClientAuth, with.ClientCAs = tls.RequestClientCert, now.pool
	with.VerifyConnection = c.verify // of a session that is resumed, too
	now.last.Store(&guarded{o, with})
	return with
}

var errNoClientCertificate = errors.New("the client shows no certificate")

// verify goes by the authorities of this moment.
func (c *ClientCA) verify(state tls.ConnectionState) error {
	err := verifyClient(state.PeerCertificates, c.current.Load().pool)
	if err != nil && c.refused != nil {
		c.refused(err)
	}
	return err
}

func verifyClient(shown []*x509.Certificate, pool *x509.CertPool) error {
	if len(shown) == 0 {
		return errNoClientCertificate
	}
	between := x509.NewCertPool()
	for _, cert := range shown[1:] {
		between.AddCert(cert)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return fmt.Errorf("the client shows the certificate of %.100q: %w", subject(shown[0]), err)
	}
	return nil
}

// IsNoClientCertificate is whether a client was refused that has shown none at all.
func IsNoClientCertificate(err error) bool { return errors.Is(err, errNoClientCertificate) }

// Watch looks at the file in every interval until ctx is done. It takes a change
// and calls changed(nil); a file that is no good leaves all as it is, and changed
// gets the reason, once.
func (c *ClientCA) Watch(ctx context.Context, every time.Duration, changed func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for told := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			told = c.poll(told, changed)
		}
	}
}

// poll returns the reason that changed knows about; empty: none.
func (c *ClientCA) poll(told string, changed func(error)) string {
	now := c.current.Load()
	if now.file == "" {
		return ""
	}
	pool, err := LoadCA(now.file)
	switch {
	case err != nil && err.Error() != told:
		changed(err)
		return err.Error()
	case err != nil:
		return told
	case pool.Equal(now.pool):
		return ""
	}
	if c.current.CompareAndSwap(now, &authority{file: now.file, pool: pool}) { // a Replace in between wins
		changed(nil)
	}
	return ""
}
