package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Deps are what a Manager works with.
type Deps struct {
	Storage Storage
	Log     *zap.Logger
	// Served is told of a certificate that is served from now on, Failed of an attempt to
	// get one that came to nothing. Both may be nil.
	Served, Failed func(State)
	// CheckEvery is how often a certificate is looked at; zero: every ten minutes.
	CheckEvery time.Duration
	// Pauses come after an attempt that failed, the second after a second one, the last
	// again and again; nil: from five seconds to an hour.
	Pauses []time.Duration
}

// Storage is where accounts, certificates and challenges are kept.
type Storage = certmagic.Storage

// Manager has a certificate for each domain of its plan, sooner or later. Set may be
// called from one goroutine at a time, everything else concurrently.
type Manager struct {
	deps  Deps
	ports Ports
	cache *certmagic.Cache // nil before the first Set with a domain

	running atomic.Pointer[map[string]*keeper]
	keepers sync.WaitGroup
	issued  atomic.Int64
	failed  atomic.Int64
}

// Ports are where the CA's questions arrive: HOST:PORT of a listener without TLS, for
// HTTP-01, and of one with TLS, for TLS-ALPN-01. One of them may be empty.
type Ports struct{ HTTP, TLS string }

// New starts nothing.
func New(d Deps) *Manager {
	if d.CheckEvery == 0 {
		d.CheckEvery = 10 * time.Minute
	}
	if d.Pauses == nil {
		d.Pauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
	}
	m := &Manager{deps: d}
	m.running.Store(new(map[string]*keeper))
	return m
}

// Set makes a plan what is done, until ctx ends, which must be the same every time. What
// stays as it is goes on undisturbed; a domain that has failed is tried again at once.
func (m *Manager) Set(ctx context.Context, ports Ports, plan Plan) {
	m.ports = ports
	if len(plan) > 0 && m.cache == nil {
		m.begin(ctx)
	}
	before, now := *m.running.Load(), make(map[string]*keeper, len(plan))
	for domain, account := range plan {
		old := before[domain]
		if old != nil && old.account == account {
			now[domain] = old
			old.again()
			continue
		}
		now[domain] = m.newKeeper(domain, account, old)
	}
	m.running.Store(&now)
	for domain, old := range before {
		if now[domain] != old {
			old.stop()
		}
	}
	for domain, k := range now {
		if before[domain] != k {
			m.start(ctx, k)
		}
	}
}

// begin makes certmagic's cache, where a certificate is only while we look at it. Its own
// maintenance finds nothing there: our keepers do that work, as it can neither be
// waited for nor told when to try again.
func (m *Manager) begin(ctx context.Context) {
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) {
			return nil, errors.New("not by this maintenance")
		},
		RenewCheckInterval: m.deps.CheckEvery,
		Logger:             quiet(m.deps.Log),
	})
	m.keepers.Go(func() {
		<-ctx.Done()
		m.cache.Stop()
	})
}

func (m *Manager) start(ctx context.Context, k *keeper) {
	ctx, k.stop = context.WithCancel(ctx)
	m.keepers.Go(func() { k.run(ctx) })
}

// Wait returns when everything has ended, after the end of Set's context.
func (m *Manager) Wait() { m.keepers.Wait() }

// Certificate is that of a domain; nil: there is none yet.
func (m *Manager) Certificate(domain string) *tls.Certificate {
	if k := (*m.running.Load())[domain]; k != nil {
		return k.held.Load().certificate
	}
	return nil
}

// State is how a domain stands.
type State struct {
	Domain   string
	NotAfter time.Time // of its certificate; zero: it has none yet
	Issued   bool      // by the CA, in this process; otherwise it was kept, or is another member's
	Failures int       // since the last success
	Reason   string    // of the last failure; empty: all is well
	Next     time.Time // when it is tried again after a failure
}

// States are those of all domains, in their order.
func (m *Manager) States() (all []State) {
	running := *m.running.Load()
	for _, domain := range slices.Sorted(maps.Keys(running)) {
		all = append(all, running[domain].state())
	}
	return all
}

// Counts are how many certificates were issued, and how many attempts failed, in this
// process.
func (m *Manager) Counts() (issued, failed int) { return int(m.issued.Load()), int(m.failed.Load()) }
