package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fermata/internal/arrival"
	"fermata/internal/certs"
	"fermata/internal/config"
	"fermata/internal/connlimit"
	"fermata/internal/secret"
	"fermata/proxy/relay"
)

// listener is one address where clients come in.
type listener struct {
	relay.Listener
	certificates *certs.Store    // nil: no TLS
	clientCA     *certs.ClientCA // nil: no TLS
	address      string          // in the configuration
	left         *atomic.Bool    // whether it is closed, as a successor does not want it
}

// Listen opens every address of the configuration, the admin endpoint's too, and
// the state directory; if one cannot be had, none stays open.
func (a *App) Listen() error {
	if a.TakeOver {
		if err := a.meetPredecessor(); err != nil {
			return err
		}
	}
	err := a.openSuccession()
	if err == nil {
		err = a.openState()
	}
	if err != nil {
		a.closeSuccession()
		return err
	}
	if err := a.openListeners(); err != nil {
		a.closeListeners()
		a.state.close()
		a.closeSuccession()
		return err
	}
	return nil
}

func (a *App) openListeners() error {
	defer a.leaveSockets()
	defer a.succession.from.leave()
	handshakes := newHandshakes(a.config)
	for i, o := range a.config.Listen {
		path := fmt.Sprintf("listen[%d]", i)
		l, err := a.listen(path, o, handshakes)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		a.listeners = append(a.listeners, l)
		a.log.Info("listening", zap.Stringer("address", l.Addr()), zap.Bool("tls", o.TLS != nil))
	}
	if a.config.Admin.Address == "" {
		return nil
	}
	l, err := a.openOperators(a.config.Admin)
	if err == nil {
		l, err = a.secureAdmin(l)
	}
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	a.adminListener = l
	a.log.Info("admin endpoint", zap.Stringer("address", l.Addr()))
	return nil
}

func (a *App) listen(path string, o config.Listen, handshakes *arrival.Handshakes) (listener, error) {
	l, err := a.openClients(path, o.Address)
	if err != nil {
		return listener{}, err
	}
	opened := listener{address: o.Address, left: new(atomic.Bool)}
	in := relay.Incoming{Enter: a.entry(l.Addr(), o), First: a.newcomers.First}
	if o.TLS != nil {
		if in.TLS, err = opened.secure(a, o, handshakes); err != nil {
			l.Close()
			return listener{}, err
		}
	}
	opened.Listener, err = a.engine.Listener(l, in)
	return opened, err
}

// secure loads what TLS needs.
func (l *listener) secure(a *App, o config.Listen, handshakes *arrival.Handshakes) (_ *tls.Config, err error) {
	if l.certificates, err = certs.Load(o.TLS.Certificates, ticketSecrets(o, a.config), a.issued(o)); err != nil {
		return nil, err
	}
	if l.clientCA, err = certs.LoadClientCA(o.TLS.ClientCA, a.clientRefused); err != nil {
		return nil, err
	}
	secure := l.clientCA.Guard(l.certificates.Config(o.TLS.Version()))
	handshakes.Limit(secure)
	return secure, nil
}

// newHandshakes is how many TLS handshakes of all listeners compute at the same
// time.
func newHandshakes(c *config.Config) *arrival.Handshakes {
	return arrival.NewHandshakes(cmp.Or(c.Limits.TLSHandshakes, handshakePlaces(cores())), c.Timeouts.Header)
}

// cores is how many this process may use at the same time.
func cores() int { return min(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// handshakePlaces leaves a core to clients that are connected.
func handshakePlaces(cores int) int { return max(1, cores-1) }

// ticketSecrets are what the session tickets of a listener are keyed by.
func ticketSecrets(o config.Listen, c *config.Config) []secret.Text {
	if o.TLS != nil && o.TLS.TicketSecret != "" {
		return []secret.Text{o.TLS.TicketSecret}
	}
	return c.Sticky.Cookie.Secrets
}

func (a *App) closeListeners() {
	for _, l := range a.listeners {
		l.Close()
	}
	a.listeners = nil
}

// Addresses are the addresses where clients come in, in the configuration's
// order, and the admin endpoint's, which is nil if there is none.
func (a *App) Addresses() (clients []net.Addr, admin net.Addr) {
	for _, l := range a.listeners {
		clients = append(clients, l.Addr())
	}
	if a.adminListener != nil {
		admin = a.adminListener.Addr()
	}
	return clients, admin
}

// clientServer is the http.Server of all clients' listeners. It speaks
// HTTP/1.1 alone, the only version in which WebSockets are upgraded to.
func (a *App) clientServer() *http.Server {
	t := a.config.Timeouts
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           a.acme.Handler(a.handler),
		ConnState:         a.handler.ConnState,
		ConnContext:       noting(a.config),
		Protocols:         protocols,
		ReadHeaderTimeout: t.Header,
		ReadTimeout:       t.Request,
		WriteTimeout:      t.Request + t.Response,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    a.config.Limits.MaxHeaderBytes,
		ErrorLog:          a.quietLog("http"),
	}
}

// adminServer is the http.Server of the admin endpoint.
func (a *App) adminServer() *http.Server {
	most := a.share(a.config).operators
	open := connlimit.New(func() int { return most }, true, func(c net.Conn) { a.crowded(c.RemoteAddr(), most) })
	server := a.admin.HTTPServer(open)
	server.ErrorLog = a.quietLog("admin")
	return server
}

// quietLog takes what net/http says about strangers' connections.
func (a *App) quietLog(name string) *log.Logger {
	quiet, err := zap.NewStdLogAt(a.log.Named(name), zapcore.DebugLevel)
	if err != nil {
		return zap.NewStdLog(a.log.Named(name))
	}
	return quiet
}

// certificateInterval is how often the certificates' files are looked at.
const certificateInterval = 5 * time.Second

// watchCertificates follows the certificates' files until ctx ends.
func (a *App) watchCertificates(ctx context.Context) {
	a.noteExpiry()
	for _, l := range a.listeners {
		if l.certificates == nil {
			continue
		}
		a.watches.Go(func() {
			l.clientCA.Watch(ctx, certificateInterval, func(err error) { a.clientCAChanged(l, err) })
		})
		a.watches.Go(func() {
			l.certificates.Watch(ctx, certificateInterval, func(err error) { a.certificateChanged(l, err) })
		})
	}
}

func (a *App) certificateChanged(l listener, err error) {
	if err != nil {
		a.log.Error("new certificate not taken over, the old one stays", zap.Stringer("address", l.Addr()), zap.NamedError("err", err))
		return
	}
	a.noteExpiry()
	a.tell("certificate", "", "swapped", zap.Stringer("address", l.Addr()), zap.Time("not_after", l.certificates.NotAfter()))
}

func (a *App) noteExpiry() {
	var first time.Time
	for _, l := range a.listeners {
		if l.certificates == nil {
			continue
		}
		at := l.certificates.NotAfter()
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	a.metrics.CertificateExpiry(first)
}

// loadCertificates loads what a new configuration wants the listeners to
// serve, one store a listener, nil where there is no TLS.
func (a *App) loadCertificates(c *config.Config) ([]*certs.Store, error) {
	stores := make([]*certs.Store, len(c.Listen))
	var errs []error
	for i, o := range c.Listen {
		if o.TLS == nil {
			continue
		}
		store, err := certs.Load(o.TLS.Certificates, ticketSecrets(o, c), a.issued(o))
		stores[i], errs = store, append(errs, err)
	}
	return stores, errors.Join(errs...)
}
