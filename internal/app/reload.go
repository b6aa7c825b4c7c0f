package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/internal/acme"
	"fermata/internal/admin"
	"fermata/internal/certs"
	"fermata/internal/config"
)

// errNotServing refuses a reload before the start, and after the stop.
var errNotServing = errors.New("starting or stopping: nothing can be reloaded now")

// Reload loads the configuration anew and swaps it in, without touching a
// client: nodes that stay keep everything, removed ones are drained. A
// configuration that cannot be taken over changes nothing; the error says all
// that is wrong with it. Reading the files holds up nothing but other reloads, and
// a stop ends it.
func (a *App) Reload() (admin.Reloaded, error) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	ctx := a.serving()
	if ctx == nil {
		return admin.Reloaded{}, errNotServing
	}
	a.told(a.Manager.Reloading())
	next := a.readAll(ctx)
	err := next.err
	if err == nil {
		err = a.takeOver(ctx, next)
	}
	a.reloadFailed.Store(err != nil)
	a.told(a.Manager.Ready(a.status()))
	if errors.Is(err, errNotServing) {
		return admin.Reloaded{}, err
	}
	a.metrics.Reloaded(err == nil, time.Now())
	if err != nil {
		a.log.Error("configuration not taken over, the old one stays", zap.NamedError("err", err))
		return admin.Reloaded{}, err
	}
	a.tellPredecessors(true)
	return a.reloaded(next.config), nil
}

func (a *App) reloaded(c *config.Config) (r admin.Reloaded) {
	for _, w := range c.Warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	if warning := short(a.pool.Nodes()); warning != "" {
		r.Warnings = append(r.Warnings, warning)
	}
	return r
}

// serving is Run's context; nil before the start, and after the stop.
func (a *App) serving() context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == nil || a.running.Err() != nil {
		return nil
	}
	return a.running
}

// loaded is a configuration with what it names.
type loaded struct {
	config       *config.Config
	certificates []*certs.Store // one a listener, nil where there is no TLS; all nil: those of now stay
	plan         acme.Plan
	clientCAs    []*certs.ClientCA
	err          error // what keeps it from being taken over
}

// readAll reads the files, unless ctx ends before: a file system that does not
// answer is left alone then.
func (a *App) readAll(ctx context.Context) loaded {
	read := make(chan loaded, 1)
	go func(now *config.Config) { read <- a.read(now) }(a.config)
	select {
	case next := <-read:
		return next
	case <-ctx.Done():
		return loaded{err: errNotServing}
	}
}

// read finds all that could keep the files from being taken over.
func (a *App) read(now *config.Config) (next loaded) {
	if next.config, next.err = a.load(); next.err != nil {
		return next
	}
	if next.err = fixed(now, next.config); next.err != nil {
		return next
	}
	if next.plan, next.err = acmePlan(next.config); next.err != nil {
		return next
	}
	if next.certificates, next.err = a.loadCertificates(next.config); next.err != nil {
		return next
	}
	next.clientCAs, next.err = loadClientCAs(next.config)
	return next
}

// takeOver swaps everything, and tells. From the first swap on nothing can fail.
func (a *App) takeOver(ctx context.Context, next loaded) error {
	a.discovery.add(ctx, next.config.Nodes)
	a.discovery.looked(ctx) // so that its nodes are there when those of the old configuration go
	gone, err := a.swap(next)
	if err != nil {
		return err
	}
	a.noteExpiry()
	a.warn(next.config)
	a.noteRoom()
	for _, node := range gone {
		a.leftForGood(node)
	}
	a.savedDrains("drains")
	a.tell("reload", "", "the configuration was taken over", zap.Int("nodes", len(a.joined.Load().nodes)))
	return nil
}

// swap returns the names of nodes that have left the pool.
func (a *App) swap(next loaded) (gone []string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running.Err() != nil {
		return nil, errNotServing
	}
	a.swapCertificates(next)
	a.level.SetLevel(logLevel(next.config.Log))
	a.admin.SetOptions(next.config.Admin)
	a.handler.SetOptions(a.proxyOptions(next.config))
	a.moves.SetOptions(moveOptions(next.config))
	a.config = next.config
	a.discovery.keep(a.config.Nodes)
	gone = a.replaceNodes()
	a.delivery.Replan()
	return gone, nil
}

// swapCertificates does nothing in a process that has a successor. mu is held.
func (a *App) swapCertificates(next loaded) {
	if next.certificates == nil {
		return
	}
	a.getCertificates(a.running, next.plan)
	for i, l := range a.listeners {
		if l.certificates != nil {
			l.certificates.Replace(next.certificates[i])
			l.clientCA.Replace(next.clientCAs[i])
		}
	}
}

// replaceNodes makes the pool's nodes those of the configuration, and those that
// were found. It returns the names of those that are gone: others have still to lose
// their clients. mu is held.
func (a *App) replaceNodes() (gone []string) {
	c, before := a.config, a.pool.Nodes()
	nodes := a.putNodes()
	a.pool.SetPanic(c.Health.PanicThreshold, patience(c.Health))
	a.checks.set(a.running, nodes, c.Health)
	for _, old := range before {
		now := a.pool.Status(old.Node)
		if _, err := a.pool.Node(old.Name); err != nil {
			a.forget(old)
			gone = append(gone, old.Name)
		} else if now.Removed != old.Removed {
			a.moveOrStay(now)
		}
	}
	a.settleChecked()
	view := a.council.View()
	a.shareNodes(view)
	a.applyDrains(view)
	a.applyRoll(view)
	return gone
}

// fixed refuses what cannot change while Fermata runs.
func fixed(old, next *config.Config) error {
	var errs []error
	same := func(what string, got, want any) {
		if got != want {
			errs = append(errs, fmt.Errorf("%s: got %v, want %v as it is running: this cannot change without a restart", what, got, want))
		}
	}
	same("listen", addresses(next), addresses(old))
	same("admin.address", next.Admin.Address, old.Admin.Address)
	same("admin.tls", adminTLS(next), adminTLS(old))
	if !sameSection(next.Cluster, old.Cluster) {
		errs = append(errs, errors.New("cluster: got another one: this cannot change without a restart"))
	}
	if !sameSection(next.Tracing, old.Tracing) {
		errs = append(errs, errors.New("tracing: got another one: this cannot change without a restart"))
	}
	same("state_dir", next.StateDir, old.StateDir)
	same("log.format", next.Log.Format, old.Log.Format)
	same("limits.max_header_bytes", next.Limits.MaxHeaderBytes, old.Limits.MaxHeaderBytes)
	same("limits.tls_handshakes", next.Limits.TLSHandshakes, old.Limits.TLSHandshakes)
	same("timeouts.header", next.Timeouts.Header, old.Timeouts.Header)
	same("timeouts.request", next.Timeouts.Request, old.Timeouts.Request)
	same("timeouts.response", next.Timeouts.Response, old.Timeouts.Response)
	same("timeouts.idle", next.Timeouts.Idle, old.Timeouts.Idle)
	return errors.Join(errs...)
}

// sameSection is whether both say the same, or both are not there.
func sameSection[T comparable](one, other *T) bool {
	if one == nil || other == nil {
		return one == other
	}
	return *one == *other
}

// addresses is where a configuration listens, and how.
func addresses(c *config.Config) string {
	var all []string
	for _, l := range c.Listen {
		with := l.Address
		if l.TLS != nil {
			with += " with TLS from " + l.TLS.MinVersion
		}
		if len(l.ProxyProtocol) > 0 {
			with += fmt.Sprint(" with the PROXY protocol from ", l.ProxyProtocol)
		}
		all = append(all, with)
	}
	return fmt.Sprint(all)
}
