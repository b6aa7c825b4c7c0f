package app

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fermata/internal/acme"
	"fermata/internal/admin"
	"fermata/internal/certs"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/metrics"
)

// issuing are the certificates that a CA issues. It starts with the listeners, through
// which the CA asks.
type issuing struct {
	*acme.Manager
	plan    acme.Plan // of the start
	refused *seldom   // clients
	missed  atomic.Int64
}

func (a *App) newIssuing(c *config.Config, store *cluster.RedisStore) (*issuing, error) {
	plan, err := acmePlan(c)
	if err != nil {
		return nil, err
	}
	metrics.ObserveACME(a.registry, a.acmeMetrics)
	manager := acme.New(acme.Deps{
		Storage: acmeStorage(c, store), Log: a.log.Named("acme"),
		Served: a.certificateServed, Failed: a.certificateFailed,
	})
	return &issuing{Manager: manager, plan: plan, refused: newSeldom()}, nil
}

// acmeStorage is one for all members of a cluster.
func acmeStorage(c *config.Config, store *cluster.RedisStore) acme.Storage {
	if c.Cluster != nil {
		return acme.NewShared(store.Client(), c.Cluster.Key("acme"), c.Cluster.Secret)
	}
	return acme.NewFolder(filepath.Join(c.StateDir, "acme"))
}

// issued is what a listener serves beside the pairs of its configuration.
func (a *App) issued(o config.Listen) certs.Issued {
	if o.TLS == nil || o.TLS.ACME == nil {
		return certs.Issued{}
	}
	return certs.Issued{
		Names: o.TLS.ACME.Domains, Certificate: a.acme.Certificate, Missed: a.certificateMissed, Challenge: a.acme.Challenge,
	}
}

func acmePlan(c *config.Config) (acme.Plan, error) {
	var all []*acme.Options
	for _, l := range c.Listen {
		if l.TLS != nil {
			all = append(all, l.TLS.ACME)
		}
	}
	return acme.NewPlan(all)
}

// acmePorts are listeners where the CA's questions are answered. If there are several,
// the first is as good as the others: certmagic only must not listen itself.
func (a *App) acmePorts() (p acme.Ports) {
	address := func(old string, l net.Listener) string {
		if old != "" {
			return old
		}
		return l.Addr().String()
	}
	for _, l := range a.listeners {
		if l.certificates == nil {
			p.HTTP = address(p.HTTP, l)
		} else {
			p.TLS = address(p.TLS, l)
		}
	}
	return p
}

// getCertificates begins to get, and no longer to get, what a configuration wants. The
// CA is not waited for.
func (a *App) getCertificates(ctx context.Context, plan acme.Plan) {
	a.acme.Set(ctx, a.acmePorts(), plan)
}

// leaveCertificates waits for the end of what is under way with the CA, but not for a
// file system or an OCSP responder that does not answer.
func (a *App) leaveCertificates() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.acme.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(flushWithin):
	}
}

func (a *App) certificateServed(s acme.State) {
	reason := "taken from the storage"
	if s.Issued {
		reason = "issued"
	}
	a.noteExpiry()
	a.tell("certificate", "", reason, zap.String("domain", s.Domain), zap.Time("not_after", s.NotAfter))
}

// certificateFailed logs an error once clients are without a valid certificate, or will
// be soon.
func (a *App) certificateFailed(s acme.State) {
	fields := []zap.Field{zap.String("domain", s.Domain), zap.String("err", s.Reason), zap.Time("next", s.Next), zap.Int("failures", s.Failures)}
	if s.NotAfter.IsZero() {
		a.log.Error("no certificate issued, TLS clients of this domain are refused until there is one", fields...)
		return
	}
	level := zap.WarnLevel
	if time.Until(s.NotAfter) < 3*24*time.Hour {
		level = zap.ErrorLevel
	}
	a.log.Log(level, "certificate not renewed, the old one is served", append(fields, zap.Time("not_after", s.NotAfter))...)
}

// certificateMissed is called in handshakes.
func (a *App) certificateMissed(domain string) {
	a.acme.missed.Add(1)
	a.acme.refused.warn(a.log, "client refused, as its certificate is not issued yet", zap.String("domain", domain))
}

func (a *App) acmeMetrics() metrics.ACME {
	issued, failed := a.acme.Counts()
	m := metrics.ACME{Issued: issued, Failed: failed, Missed: int(a.acme.missed.Load())}
	for _, s := range a.acme.States() {
		m.Domains = append(m.Domains, metrics.ACMEDomain{Name: s.Domain, NotAfter: s.NotAfter, Failures: s.Failures})
	}
	return m
}

// acmeCertificates are what operators are shown.
func (a *App) acmeCertificates() (all []admin.Certificate) {
	for _, s := range a.acme.States() {
		all = append(all, admin.Certificate{Domain: s.Domain, NotAfter: s.NotAfter, Failures: s.Failures, Reason: s.Reason, Next: s.Next})
	}
	return all
}
