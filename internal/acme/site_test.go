//go:build unix

package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/internal/certs"
	"fermata/internal/lab/dnsserver"
	"fermata/internal/lab/pebble"
	"fermata/internal/lab/port"
)

// waiting is how long a test waits for what must happen.
const waiting = 45 * time.Second

// site is a listener without TLS and one with it, a CA that asks there, and a manager
// that has no certificate yet.
type site struct {
	*Manager
	t       *testing.T
	domain  string // no other test's: certmagic keeps challenges by domain, for the whole process
	ports   Ports
	dns     *dnsserver.Server
	ca      *pebble.CA
	options Options
	served  chan State
	failed  chan State
	logs    *observer.ObservedLogs
	ctx     context.Context
	stop    func()
}

// newSite starts no CA yet; change is made before the manager.
func newSite(t *testing.T, change func(*Deps)) *site {
	t.Helper()
	s := &site{t: t, dns: dnsserver.Start(t), served: make(chan State, 100), failed: make(chan State, 100)}
	s.ports = Ports{HTTP: port.Reserve(t), TLS: port.Reserve(t)}
	_, number, _ := strings.Cut(s.ports.TLS, ":")
	s.domain = "ws" + number + ".example.com"
	s.dns.Set(s.domain, "127.0.0.1")
	core, logs := observer.New(zap.DebugLevel)
	s.logs = logs
	d := Deps{
		Storage: NewFolder(t.TempDir()), Log: zap.New(core), CheckEvery: 100 * time.Millisecond, Pauses: []time.Duration{200 * time.Millisecond},
		Served: func(state State) { s.served <- state }, Failed: func(state State) { s.failed <- state },
	}
	if change != nil {
		change(&d)
	}
	s.Manager = New(d)
	s.start()
	return s
}

// start begins what can be stopped.
func (s *site) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	s.stop = sync.OnceFunc(func() {
		cancel()
		s.Wait()
	})
	s.t.Cleanup(s.stop)
}

// startCA starts pebble, and takes its accounts without a name.
func (s *site) startCA(o pebble.Options) {
	s.t.Helper()
	o.HTTP, o.TLS, o.DNS = s.ports.HTTP, s.ports.TLS, s.dns.Address()
	s.ca = pebble.Start(s.t, o)
	s.options = Options{Domains: []string{s.domain}, CA: s.ca.Directory, CARoot: s.ca.Root}
}

// listen serves what the ports have.
func (s *site) listen() {
	s.t.Helper()
	if s.ports.HTTP != "" {
		s.serve(s.ports.HTTP, nil)
	}
	if s.ports.TLS != "" {
		store, err := certs.Load(nil, nil, certs.Issued{
			Names: []string{s.domain}, Certificate: s.Certificate, Missed: func(string) {}, Challenge: s.Challenge,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.serve(s.ports.TLS, store.Config(tls.VersionTLS12))
	}
}

func (s *site) serve(address string, config *tls.Config) {
	s.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	server := &http.Server{Handler: s.Handler(http.NotFoundHandler()), ErrorLog: zap.NewStdLog(zap.NewNop())}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(l) })
	s.t.Cleanup(serving.Wait)
	s.t.Cleanup(func() { server.Close() })
}

// order makes the plan that of the options.
func (s *site) order() {
	s.t.Helper()
	plan, err := NewPlan([]*Options{&s.options})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Set(s.ctx, s.ports, plan)
}

// next is what is told next.
func (s *site) next(of <-chan State) State {
	s.t.Helper()
	select {
	case state := <-of:
		return state
	case <-time.After(waiting):
		s.t.Fatalf("nothing was told in %v; the CA's log:\n%s", waiting, s.caLog())
		return State{}
	}
}

func (s *site) caLog() string {
	if s.ca == nil {
		return "(none)"
	}
	return s.ca.Log()
}

// shown is what a client sees, who trusts the CA alone.
func (s *site) shown() *tls.Conn {
	s.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: waiting}, "tcp", s.ports.TLS, &tls.Config{ServerName: s.domain, RootCAs: s.ca.Roots()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *site) leaf() *x509.Certificate { return s.shown().ConnectionState().PeerCertificates[0] }
