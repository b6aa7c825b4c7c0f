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
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

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
	most     int // conns at any time
	over     bool
	cause    error
}

// New returns a node; Run starts it.
func New(o Options) *Node {
	n := &Node{
		options: withDefaults(o),
		hub:     newHub(o.Name),
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

// URL is the node's address as http://HOST:PORT, or https.
func (n *Node) URL() string {
	if n.options.TLS != nil {
		return "https://" + n.Addr().String()
	}
	return "http://" + n.Addr().String()
}

// Bus is the address of the bus that the node is on; empty: on none.
func (n *Node) Bus() string { return n.options.Bus }

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

// Publish sends an event, of any size, to a channel's clients on all nodes of
// the bus.
func (n *Node) Publish(channel, event, data string) {
	n.publish(busMessage{Kind: busEvent, Channels: []string{channel}, Message: &message{Event: event, Data: quote(data)}})
}

// Subscribers is how many of the node's own clients are on the channel. The API
// tells those of all nodes.
func (n *Node) Subscribers(channel string) int { return n.hub.subscribers(channel) }

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
		n.work.Go(n.link.write)
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
	if n.options.TLS != nil {
		c.Conn = tls.Server(raw, n.options.TLS)
	}
	if n.over {
		return nil, false
	}
	n.conns[c] = struct{}{}
	n.most = max(n.most, len(n.conns))
	return c, true
}

func (n *Node) forget(c *conn) {
	c.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// open returns how many connections there are, and the most that there were.
func (n *Node) open() (now, most int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns), n.most
}

// attend serves one accepted connection until its end.
func (n *Node) attend(c *conn) {
	defer n.forget(c)
	if at := n.faults.Load().DieAt; at > 0 && n.isFull(at) {
		n.end(nil, (*conn).abandon)
		return
	}
	n.answer(c)
}

func (n *Node) isFull(at int) bool {
	now, _ := n.open()
	return now >= at
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
