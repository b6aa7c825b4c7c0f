package devnode

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// gate holds everybody up while it is shut. The zero value is open.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // closed when the gate opens; nil: it is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// pass returns when the gate is open, or quit is closed.
func (g *gate) pass(quit <-chan struct{}) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened == nil {
		return
	}
	select {
	case <-opened:
	case <-quit:
	}
}

// conn is a connection of a node that can be frozen. A frozen node does not
// close it either; abandon and reset go past the gate.
type conn struct {
	net.Conn
	gate   *gate
	once   sync.Once
	closed chan struct{}
}

func newConn(raw net.Conn, g *gate) *conn {
	return &conn{Conn: raw, gate: g, closed: make(chan struct{})}
}

// Read passes the gate on its way out too: bytes that come while it waits in
// the kernel are not to be seen by a frozen node.
func (c *conn) Read(p []byte) (int, error) {
	c.gate.pass(c.closed)
	count, err := c.Conn.Read(p)
	c.gate.pass(c.closed)
	return count, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.gate.pass(c.closed)
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	c.gate.pass(c.closed)
	c.abandon()
	return nil
}

// finish sends a FIN and gives the peer a second to take what was sent. A
// close with unread bytes would turn into a RST, and lose the answer.
func (c *conn) finish() {
	c.halfClose()
	io.Copy(io.Discard, c.Conn)
	c.Close()
}

// halfClose sends a FIN, after which reads end within a second.
func (c *conn) halfClose() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.SetReadDeadline(time.Now().Add(time.Second))
}

// tcp is the connection below TLS, or without.
func (c *conn) tcp() net.Conn {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c.Conn
}

// abandon closes the connection as the kernel does for a process that ends.
func (c *conn) abandon() {
	c.once.Do(func() { close(c.closed) })
	c.tcp().Close()
}

// reset closes with a RST.
func (c *conn) reset() {
	if tcp, ok := c.tcp().(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	c.abandon()
}
