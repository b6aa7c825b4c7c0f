// Package devnode is a look-alike of a Laravel Reverb node for tests and the
// demo. It does wrong what Reverb does wrong: one request per connection,
// answers without a length, a bare FIN where a Close frame belongs. A test can
// make it better or worse with Faults, freeze it, kill it, and ask what it saw.
//
// Several nodes that share a Bus deliver each other's events, as Reverb nodes
// do over Redis.
package devnode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The app of a node whose Options name none.
const (
	DefaultAppID     = "devnode"
	DefaultAppKey    = "devnode-key"
	DefaultAppSecret = "devnode-secret"
)

// Options say what a node is. The zero value is a working node.
type Options struct {
	// Name is told to clients in the connection_established data; empty: it
	// is left out, as Reverb has no such field.
	Name string
	// AppID, AppKey and AppSecret are the one app; empty: the defaults above.
	AppID, AppKey, AppSecret string
	// MaxConnections is the app's quota of subscribed clients; 0: none.
	MaxConnections int
	// AllowedOrigins are host patterns such as *.example.com; nil: any.
	AllowedOrigins []string
	// Prefix is a path that goes before every route.
	Prefix string
	// MaxRequest is how many bytes a request must stay under, 0: 10,000.
	MaxRequest int
	// MaxMessage is how many bytes a message may have, 0: 10,000.
	MaxMessage int64
	// PingInterval is after how long an idle, subscribed client is pinged, and
	// how long it then has until it is dropped at the next turn; 0: a minute.
	PingInterval time.Duration
	// Bus is the address of the Bus to share; empty: the node is alone.
	Bus string
	// BusTimeout is how long the node lives without its bus; 0: a minute.
	BusTimeout time.Duration
	// GatherTimeout bounds waiting for the other nodes on the bus in the
	// routes that count over all of them; 0: ten seconds.
	GatherTimeout time.Duration
	// Faults are the ones to begin with.
	Faults Faults
}

// Faults switch a node's behaviour. The zero value is Reverb as it is.
type Faults struct {
	// Refuse answers every handshake with this status; 0: does not.
	Refuse int
	// Hang leaves handshakes without an answer.
	Hang bool
	// EndAfter101 ends a client with a FIN right behind the 101.
	EndAfter101 bool
	// Mute sends nothing after the 101, whatever comes.
	Mute bool
	// NoPong leaves pusher:ping without an answer.
	NoPong bool
	// Delay is waited before any request is answered.
	Delay time.Duration
	// DieAt ends the whole node, silently, when so many connections are open,
	// as PHP's select() does at 1,017; 0: never.
	DieAt int
	// Up is the status of GET /up; 0: 200.
	Up int

	// KeepEarly serves what came in one segment with the upgrade; Reverb
	// loses it.
	KeepEarly bool
	// CloseRefused closes after a refused handshake; Reverb leaves the
	// connection open.
	CloseRefused bool
}

// Errors of Run.
var (
	ErrStarted = errors.New("the node has run before")
	ErrBusLost = errors.New("the bus has been gone for too long")
)

// Node is one node. Its methods may be called concurrently.
type Node struct {
	options Options
	mux     *http.ServeMux
	faults  atomic.Pointer[Faults]
	gate    gate
	hub     hub
	record  record
	link    *link // nil: alone

	ended chan struct{} // closed when the node is to end
	done  chan struct{} // closed when Run has returned
	work  sync.WaitGroup

	mu       sync.Mutex
	address  net.Addr
	listener net.Listener // nil before Run
	conns    map[*conn]struct{}
	over     bool
	cause    error
}

// New returns a node; Run starts it.
func New(o Options) *Node {
	n := &Node{
		options: withDefaults(o),
		hub:     newHub(),
		record:  newRecord(),
		ended:   make(chan struct{}),
		done:    make(chan struct{}),
		conns:   make(map[*conn]struct{}),
	}
	n.mux = n.routes()
	n.SetFaults(o.Faults)
	if o.Bus != "" {
		n.link = newLink(n)
	}
	return n
}

func withDefaults(o Options) Options {
	if o.AppID == "" {
		o.AppID = DefaultAppID
	}
	if o.AppKey == "" {
		o.AppKey = DefaultAppKey
	}
	if o.AppSecret == "" {
		o.AppSecret = DefaultAppSecret
	}
	if o.MaxRequest == 0 {
		o.MaxRequest = 10_000
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 10_000
	}
	if o.PingInterval == 0 {
		o.PingInterval = time.Minute
	}
	if o.BusTimeout == 0 {
		o.BusTimeout = time.Minute
	}
	if o.GatherTimeout == 0 {
		o.GatherTimeout = 10 * time.Second
	}
	return o
}

// Start listens on the address, such as 127.0.0.1:0, and runs a new node there
// until Stop or Kill.
func Start(address string, o Options) (*Node, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	n := New(o)
	if err := n.begin(listener); err != nil {
		listener.Close()
		return nil, err
	}
	go n.serve(context.Background())
	return n, nil
}

// Run serves on the listener, which it closes, until the context ends or the
// node is stopped, killed, or dies of a fault; for all these it returns nil.
func (n *Node) Run(ctx context.Context, listener net.Listener) error {
	defer listener.Close()
	if err := n.begin(listener); err != nil {
		return err
	}
	return n.serve(ctx)
}

// Addr is where the node listens; nil before Run.
func (n *Node) Addr() net.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address
}

// URL is the node's address as http://HOST:PORT.
func (n *Node) URL() string { return "http://" + n.Addr().String() }

// SetFaults replaces the faults, for what happens from now on.
func (n *Node) SetFaults(f Faults) { n.faults.Store(&f) }

// Freeze makes the node as a stopped process is: the kernel still accepts
// connections, and nothing is read or answered any more.
func (n *Node) Freeze() { n.gate.shut() }

// Thaw undoes Freeze; what came in meanwhile is served.
func (n *Node) Thaw() { n.gate.open() }

// Stop ends the node as Reverb ends on SIGTERM, with a bare FIN to everybody,
// and waits until it is gone.
func (n *Node) Stop() {
	n.end(nil, (*conn).abandon)
	n.wait()
}

// Kill ends the node with a RST to everybody, and waits until it is gone.
func (n *Node) Kill() {
	n.end(nil, (*conn).reset)
	n.wait()
}

// CloseClients sends every client a Close frame, which Reverb never does, and
// waits until each has answered it or five seconds have passed.
func (n *Node) CloseClients(code int, reason string) {
	var closing sync.WaitGroup
	for _, c := range n.hub.all() {
		closing.Go(func() { c.closeWith(code, reason) })
	}
	closing.Wait()
}

// Publish sends an event to a channel's clients on all nodes of the bus.
func (n *Node) Publish(channel, event, data string) {
	n.publish(busMessage{Kind: busEvent, Channel: channel, Event: event, Data: quote(data)})
}

// Done is closed when the node is gone.
func (n *Node) Done() <-chan struct{} { return n.done }

// begin takes the listener over, once, and joins the bus.
func (n *Node) begin(listener net.Listener) error {
	n.mu.Lock()
	if n.listener != nil || n.over {
		n.mu.Unlock()
		return ErrStarted
	}
	n.listener, n.address = listener, listener.Addr()
	n.mu.Unlock()
	if n.link == nil {
		return nil
	}
	if err := n.link.join(); err != nil {
		n.end(err, (*conn).abandon)
		close(n.done)
		return fmt.Errorf("joining the bus at %s: %w", n.options.Bus, err)
	}
	return nil
}

func (n *Node) serve(ctx context.Context) error {
	defer close(n.done)
	stop := context.AfterFunc(ctx, func() { n.end(nil, (*conn).abandon) })
	defer stop()
	n.work.Go(n.keepAlive)
	if n.link != nil {
		n.work.Go(n.link.run)
	}
	n.accept()
	n.work.Wait()
	return n.cause
}

func (n *Node) accept() {
	for {
		n.gate.pass(n.ended)
		raw, err := n.listener.Accept()
		if err != nil {
			n.end(err, (*conn).abandon)
			return
		}
		c, ok := n.adopt(raw)
		if !ok {
			raw.Close()
			continue
		}
		n.work.Go(func() { n.attend(c) })
	}
}

// adopt registers a connection; it is refused once the node is over.
func (n *Node) adopt(raw net.Conn) (*conn, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := newConn(raw, &n.gate)
	if n.over {
		return nil, false
	}
	n.conns[c] = struct{}{}
	return c, true
}

func (n *Node) forget(c *conn) {
	c.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

func (n *Node) open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// attend serves one accepted connection until its end.
func (n *Node) attend(c *conn) {
	defer n.forget(c)
	if at := n.faults.Load().DieAt; at > 0 && n.open() >= at {
		n.end(nil, (*conn).abandon)
		return
	}
	n.answer(c)
}

// end closes the listener and then every connection; only the first call
// counts. It does not wait.
func (n *Node) end(cause error, finish func(*conn)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	n.over, n.cause = true, cause
	close(n.ended)
	if n.link != nil {
		n.link.leave()
	}
	if n.listener != nil {
		n.listener.Close()
	}
	for c := range n.conns {
		finish(c)
	}
}

func (n *Node) wait() {
	n.mu.Lock()
	begun := n.listener != nil
	n.mu.Unlock()
	if begun {
		<-n.done
	}
}

// keepAlive pings idle clients, and drops those that stayed silent.
func (n *Node) keepAlive() {
	ticker := time.NewTicker(n.options.PingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.gate.pass(n.ended)
			n.hub.keepAlive(n.options.PingInterval)
		case <-n.ended:
			return
		}
	}
}
