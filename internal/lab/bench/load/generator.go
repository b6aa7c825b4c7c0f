//go:build linux

// Package load is the benchmark's load generator: thousands of WebSocket
// clients in one loop, which tells when it was itself too slow.
package load

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"fermata/internal/lab/bench/poll"
)

// Generator holds the clients. Its methods are what the benchmark calls over
// net/rpc; one runs after the other.
type Generator struct {
	mu       sync.Mutex
	poll     *poll.Poller
	read     []byte
	apps     map[string]*app
	byFD     map[int]*client
	sessions map[string]tls.ClientSessionCache // by app, of clients that resume
}

// app is what some of the clients are connected for, so that they can have work
// and broadcasts of their own. It ends with the first client that fails, which
// is told when the app is next used: not while another one is.
type app struct {
	clients []*client
	failed  error
}

// New makes a Generator without clients.
func New() (*Generator, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	return &Generator{poll: p, read: make([]byte, 64<<10), apps: map[string]*app{}, byFD: map[int]*client{}, sessions: map[string]tls.ClientSessionCache{}}, nil
}

// Open is a number of clients to be opened, a few at a time.
type Open struct {
	App       string
	Addresses []string // in turn
	Clients   int
	AtOnce    int // how many connect at the same time; 0: 32
	PerSecond int // how many begin in a second, one after the other; 0: as soon as others are done
	TLS       bool
	X25519    bool // the only key exchange that they offer; else they say what a browser does
	Resume    bool // TLS sessions of clients that were opened with Resume before
	// ProxyHeader is whether each client begins with a header of the PROXY protocol.
	ProxyHeader bool
	Secret      string // of the app, for each client to be subscribed to three channels; empty: it is to none
}

// Opened is what came of it.
type Opened struct {
	Resumed  int           // clients whose TLS session was resumed
	Exchange tls.CurveID   // by which the last client and its proxy have made their keys; 0: without TLS
	Wall     time.Duration // from the first to the last
}

// Open opens clients, all or as many as until an error.
func (g *Generator) Open(o Open, opened *Opened) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	addresses, err := parseAll(o.Addresses)
	if err != nil {
		return err
	}
	if g.apps[o.App] == nil {
		g.apps[o.App] = new(app)
	}
	a := g.apps[o.App]
	start := time.Now()
	clients, err := g.connectAll(o, addresses)
	for _, c := range clients {
		if c.resumed {
			opened.Resumed++
		}
		opened.Exchange = c.exchange
		c.app = a
		err = errors.Join(err, g.poll.Add(c.socket.fd))
		g.byFD[c.socket.fd] = c
	}
	a.clients = append(a.clients, clients...)
	opened.Wall = time.Since(start)
	return err
}

func parseAll(texts []string) ([]netip.AddrPort, error) {
	addresses := make([]netip.AddrPort, len(texts))
	for i, text := range texts {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			return nil, err
		}
		addresses[i] = a
	}
	return addresses, nil
}

// due is how long after the first the client number i comes.
func (o Open) due(i int) time.Duration {
	if o.PerSecond == 0 {
		return 0
	}
	return time.Duration(i) * time.Second / time.Duration(o.PerSecond)
}

// connectAll shares the clients among some goroutines. The first error ends all of
// them.
func (g *Generator) connectAll(o Open, addresses []netip.AddrPort) ([]*client, error) {
	var (
		mu      sync.Mutex
		next    int
		clients []*client
		failed  error
		wg      sync.WaitGroup
	)
	config, began := g.config(o), time.Now()
	turn := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= o.Clients && failed == nil
	}
	for range min(cmp.Or(o.AtOnce, 32), o.Clients) {
		wg.Go(func() {
			for i, ok := turn(); ok; i, ok = turn() {
				time.Sleep(time.Until(began.Add(o.due(i))))
				c, err := open(i, addresses[i%len(addresses)], config, o)
				mu.Lock()
				if err != nil {
					failed = err
				} else {
					clients = append(clients, c)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return clients, failed
}

// config is nil without TLS. A browser offers X25519MLKEM768 and X25519, with a key
// for both, and a proxy takes the best that it knows. So that all can be compared
// whatever they know, there are clients who offer X25519 alone. The other curves are
// for certificates.
func (g *Generator) config(o Open) *tls.Config {
	if !o.TLS {
		return nil
	}
	config := &tls.Config{
		InsecureSkipVerify: true, // its cost would be the client's
		ServerName:         "bench.example",
		NextProtos:         []string{"http/1.1"}, // as for every WebSocket
		CurvePreferences:   []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
	}
	if o.X25519 {
		config.CurvePreferences = config.CurvePreferences[1:]
	}
	if o.Resume {
		config.ClientSessionCache = g.sessionsOf(o.App)
	}
	return config
}

// sessionsOf are an app's own: another proxy could not resume them.
func (g *Generator) sessionsOf(app string) tls.ClientSessionCache {
	if g.sessions[app] == nil {
		g.sessions[app] = tls.NewLRUClientSessionCache(16)
	}
	return g.sessions[app]
}

// open opens the client number i, from one of 200 networks.
func open(i int, to netip.AddrPort, config *tls.Config, o Open) (*client, error) {
	s, err := dial(netip.AddrFrom4([4]byte{127, 1, byte(i % 200), 1}), to)
	if err != nil {
		return nil, err
	}
	c, err := connect(s, config, o, i+1) // a user 0 is nobody for Reverb
	if err != nil {
		s.Close()
		return nil, err
	}
	return c, nil
}

// Close resets the connections of an app's clients, if it has any.
func (g *Generator) Close(name string, closed *int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.apps[name]; a != nil {
		*closed = len(a.clients)
		g.end(a, nil)
		delete(g.apps, name)
	}
	return nil
}

func (g *Generator) end(a *app, why error) {
	for _, c := range a.clients {
		delete(g.byFD, c.socket.fd)
		c.socket.Close()
	}
	a.clients, a.failed = nil, why
}

// use finds an app that has clients.
func (g *Generator) use(name string) (*app, error) {
	a := g.apps[name]
	switch {
	case a == nil:
		return nil, fmt.Errorf("got no clients of app %q", name)
	case a.failed != nil:
		return nil, a.failed
	}
	return a, nil
}

// Receive is a number of messages to wait for.
type Receive struct {
	App      string
	Messages int // of all its clients together
	Within   time.Duration
}

// Receive reads until all messages have come.
func (g *Generator) Receive(r Receive, got *int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a, err := g.use(r.App)
	if err != nil {
		return err
	}
	end := time.Now().Add(r.Within)
	for *got < r.Messages {
		left := time.Until(end)
		if left <= 0 {
			return fmt.Errorf("got %d of %d messages within %v", *got, r.Messages, r.Within)
		}
		if err := g.receive(left, a, func(*client, []byte) { *got++ }); err != nil {
			return err
		}
	}
	return nil
}

// receive waits once, and reads from every client that has something. It calls
// message for those of one app, and fails if that does.
func (g *Generator) receive(timeout time.Duration, a *app, message func(of *client, payload []byte)) error {
	events, err := g.poll.Wait(timeout)
	if err != nil {
		return err
	}
	for _, e := range events {
		if c := g.byFD[int(e.Fd)]; c != nil && c.app == a {
			g.receiveFrom(c, func(payload []byte) { message(c, payload) })
		} else if c != nil {
			g.receiveFrom(c, func([]byte) {})
		}
	}
	return a.failed
}

func (g *Generator) receiveFrom(c *client, message func(payload []byte)) {
	if err := c.receive(g.read, message); err != nil {
		g.end(c.app, fmt.Errorf("client on %d: %w", c.socket.fd, err))
	}
}
