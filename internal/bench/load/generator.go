//go:build linux

// Package load is the benchmark's load generator: thousands of WebSocket
// clients in one loop, which tells when it was itself too slow.
package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"fermata/internal/bench/poll"
)

// Generator holds the clients. Its methods are what the benchmark calls over
// net/rpc; one runs after the other.
type Generator struct {
	mu       sync.Mutex
	poll     *poll.Poller
	read     []byte
	clients  []*client
	byFD     map[int]*client
	sessions tls.ClientSessionCache // of clients that resume
}

// New makes a Generator without clients.
func New() (*Generator, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	return &Generator{poll: p, read: make([]byte, 64<<10), byFD: map[int]*client{}, sessions: tls.NewLRUClientSessionCache(16)}, nil
}

// Open is a number of clients to be opened, a few at a time.
type Open struct {
	Addresses []string // in turn
	Clients   int
	TLS       bool
	Resume    bool // TLS sessions of clients that were opened with Resume before
}

// Opened is what came of it.
type Opened struct {
	Resumed int           // clients whose TLS session was resumed
	Wall    time.Duration // from the first to the last
}

// atOnce is how many clients connect at the same time.
const atOnce = 32

// Open opens clients, all or as many as until an error.
func (g *Generator) Open(o Open, opened *Opened) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	addresses, err := parseAll(o.Addresses)
	if err != nil {
		return err
	}
	start := time.Now()
	clients, err := g.connectAll(o, addresses)
	for _, c := range clients {
		if c.resumed {
			opened.Resumed++
		}
		err = errors.Join(err, g.poll.Add(c.socket.fd))
		g.byFD[c.socket.fd] = c
	}
	g.clients = append(g.clients, clients...)
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

// connectAll shares the clients among atOnce goroutines. The first error ends
// all of them.
func (g *Generator) connectAll(o Open, addresses []netip.AddrPort) ([]*client, error) {
	var (
		mu      sync.Mutex
		next    int
		clients []*client
		failed  error
		wg      sync.WaitGroup
	)
	config := g.config(o)
	turn := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= o.Clients && failed == nil
	}
	for range min(atOnce, o.Clients) {
		wg.Go(func() {
			for i, ok := turn(); ok; i, ok = turn() {
				c, err := open(i, addresses[i%len(addresses)], config)
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

// config is nil without TLS. Everybody gets the same key exchange, one that all
// proxies know: the newer ones would do the larger one for post-quantum times,
// at twice the cost. P-256 is for the certificate.
func (g *Generator) config(o Open) *tls.Config {
	if !o.TLS {
		return nil
	}
	config := &tls.Config{
		InsecureSkipVerify: true, // its cost would be the client's
		ServerName:         "bench.example",
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256},
	}
	if o.Resume {
		config.ClientSessionCache = g.sessions
	}
	return config
}

// open opens the client number i, from one of 200 networks.
func open(i int, to netip.AddrPort, config *tls.Config) (*client, error) {
	s, err := dial(netip.AddrFrom4([4]byte{127, 1, byte(i % 200), 1}), to)
	if err != nil {
		return nil, err
	}
	c, err := connect(s, config)
	if err != nil {
		s.Close()
		return nil, err
	}
	return c, nil
}

// Close resets all clients' connections.
func (g *Generator) Close(_ struct{}, closed *int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.clients {
		c.socket.Close()
	}
	*closed = len(g.clients)
	g.clients, g.byFD = nil, map[int]*client{}
	return nil
}

// Receive is a number of messages to wait for.
type Receive struct {
	Messages int // of all clients together
	Within   time.Duration
}

// Receive reads until all messages have come.
func (g *Generator) Receive(r Receive, got *int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	end := time.Now().Add(r.Within)
	for *got < r.Messages {
		left := time.Until(end)
		if left <= 0 {
			return fmt.Errorf("got %d of %d messages within %v", *got, r.Messages, r.Within)
		}
		if err := g.receive(left, func([]byte) { *got++ }); err != nil {
			return err
		}
	}
	return nil
}

// receive waits once, and reads from every client that has something.
func (g *Generator) receive(timeout time.Duration, message func(payload []byte)) error {
	events, err := g.poll.Wait(timeout)
	if err != nil {
		return err
	}
	for _, e := range events {
		c := g.byFD[int(e.Fd)]
		if c == nil {
			continue
		}
		if err := c.receive(g.read, message); err != nil {
			return fmt.Errorf("client on %d: %w", e.Fd, err)
		}
	}
	return nil
}
