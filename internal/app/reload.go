package app

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fermata/internal/config"
)

// Reload loads the configuration anew and swaps it in, without touching a
// client: nodes that stay keep everything, removed ones are drained. A
// configuration that cannot be taken over changes nothing; the error says all
// that is wrong with it.
func (a *App) Reload() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == nil || a.running.Err() != nil {
		return errors.New("starting or stopping: nothing can be reloaded now")
	}
	err := a.reload()
	a.metrics.Reloaded(err == nil, time.Now())
	if err != nil {
		a.log.Error("configuration not taken over, the old one stays", zap.NamedError("err", err))
		return err
	}
	a.tell("reload", "", "the configuration was taken over", zap.Int("nodes", len(a.config.Nodes)))
	return nil
}

// reload builds everything first; from the first swap on nothing can fail.
func (a *App) reload() error {
	next, err := a.load()
	if err != nil {
		return err
	}
	if err := fixed(a.config, next); err != nil {
		return err
	}
	certificates, err := a.loadCertificates(next)
	if err != nil {
		return err
	}
	for i, l := range a.listeners {
		if l.certificates != nil {
			l.certificates.Replace(certificates[i])
		}
	}
	a.noteExpiry()
	a.level.SetLevel(logLevel(next.Log))
	a.warn(next)
	a.handler.SetOptions(a.proxyOptions(next))
	a.replaceNodes(next)
	a.config = next
	return nil
}

func (a *App) replaceNodes(next *config.Config) {
	before := a.pool.Nodes()
	a.pool.Replace(next.Nodes, next.Sticky)
	a.pool.SetPanic(next.Health.PanicThreshold, patience(next.Health))
	a.checks.set(a.running, next.Nodes, next.Health)
	for _, old := range before {
		now := a.pool.Status(old.Node)
		if _, err := a.pool.Node(old.Name); err != nil {
			a.forget(old)
		} else if now.Removed != old.Removed {
			a.settle(now, next.Drain)
		}
	}
	a.rememberDrains()
	a.pool.Avoid(a.roll)
	a.settleChecked()
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
	if next.Admin.Token != old.Admin.Token {
		errs = append(errs, errors.New("admin.token: got another one: this cannot change without a restart"))
	}
	same("state_dir", next.StateDir, old.StateDir)
	same("log.format", next.Log.Format, old.Log.Format)
	same("limits.max_header_bytes", next.Limits.MaxHeaderBytes, old.Limits.MaxHeaderBytes)
	same("timeouts.header", next.Timeouts.Header, old.Timeouts.Header)
	same("timeouts.request", next.Timeouts.Request, old.Timeouts.Request)
	same("timeouts.response", next.Timeouts.Response, old.Timeouts.Response)
	same("timeouts.idle", next.Timeouts.Idle, old.Timeouts.Idle)
	return errors.Join(errs...)
}

// addresses is where a configuration listens, and how.
func addresses(c *config.Config) string {
	var all []string
	for _, l := range c.Listen {
		with := l.Address
		if l.TLS != nil {
			with += " with TLS from " + l.TLS.MinVersion
		}
		all = append(all, with)
	}
	return fmt.Sprint(all)
}
