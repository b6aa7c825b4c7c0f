// Package arrival is what happens to a connection before its first request: it
// may be refused by its address, begin with a header of the PROXY protocol that
// says whose it is, and wait for a place for its TLS handshake. Nothing of it stays
// once a relay has the connection.
package arrival

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
)

// Entry is where the connections of one listener come in. It must not be changed.
// The functions are called on the goroutines of connections and must not block.
type Entry struct {
	// Proxies are the networks whose connections must begin with a header of the
	// PROXY protocol. All others are clients themselves.
	Proxies []netip.Prefix
	// Denied is whether a client of that address is refused. It is asked of each
	// connection that is accepted, and of each client that a header names. Nil:
	// nobody is.
	Denied func(netip.Addr) bool
	// Refused is told of each connection that is closed: whose it is, as far as is
	// known, and why.
	Refused func(client netip.Addr, why error)
	// Unexpected is told of a header, by its version, from a peer that is not in
	// Proxies.
	Unexpected func(peer netip.Addr, version int)
}

// ErrDenied is why a client is refused whose address Entry.Denied knows.
var ErrDenied = errors.New("its address is denied")

// Conn is a connection that has come in. Its methods may be called concurrently
// once the first bytes were read.
type Conn struct {
	net.Conn
	entry *Entry
	peer  netip.Addr
	begun bool // the first bytes have come, and with them the header
	proxy bool // a header must come

	place  atomic.Pointer[Handshakes] // whose place its handshake has; nil: it has none
	held   []byte                     // what has come of a header that is not whole
	header header
}

// Enter returns a Conn in the connection's place, or nil for one that is refused.
func (e *Entry) Enter(conn net.Conn) net.Conn {
	c := &Conn{Conn: conn, entry: e, peer: peerOf(conn)}
	c.proxy = contains(e.Proxies, c.peer)
	if !c.proxy && c.isDenied(c.peer) {
		return nil
	}
	return c
}

func peerOf(conn net.Conn) netip.Addr {
	if short, ok := conn.(interface{ RemoteAddrPort() netip.AddrPort }); ok {
		return plain(short.RemoteAddrPort())
	}
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return plain(tcp.AddrPort())
}

func plain(at netip.AddrPort) netip.Addr { return at.Addr().Unmap().WithZone("") }

func contains(networks []netip.Prefix, a netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

func (c *Conn) isDenied(client netip.Addr) bool {
	if c.entry.Denied == nil || !c.entry.Denied(client) {
		return false
	}
	c.entry.Refused(client, ErrDenied)
	return true
}

// NetConn is the connection itself.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// CloseWrite closes the writing side.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Read implements net.Conn. It returns what comes after the header. The time for
// the header is the reader's: that until its deadline.
func (c *Conn) Read(b []byte) (int, error) {
	c.yield()
	for !c.begun {
		n, err := c.Conn.Read(b)
		if n == 0 {
			return 0, c.ended(err)
		}
		n, err = c.begin(b[:n])
		if n > 0 || err != nil {
			return n, err
		}
	}
	return c.Conn.Read(b)
}

// begin takes the first bytes, and leaves in b those that are after the header.
// As only the header's last part can have something after it, that fits.
func (c *Conn) begin(b []byte) (int, error) {
	if !c.proxy {
		c.begun = true
		if version := versionOf(b); version != 0 {
			c.entry.Unexpected(c.peer, version)
		}
		return len(b), nil
	}
	all := b
	if len(c.held) > 0 {
		all = append(c.held, b...)
	}
	size, err := sizeOf(all)
	switch {
	case err != nil:
		return 0, c.turn(err)
	case size == 0 || size > len(all):
		c.held = append(c.held, b...)
		return 0, nil
	}
	if c.header, err = parse(all[:size]); err != nil {
		return 0, c.turn(err)
	}
	c.begun, c.held = true, nil
	if c.header.client.IsValid() && c.isDenied(c.header.client) {
		return 0, c.close(ErrDenied)
	}
	return copy(b, all[size:]), nil
}

// ended is the end of a connection whose header has not come. Load balancers try
// with connections that say nothing whether somebody listens.
func (c *Conn) ended(err error) error {
	if len(c.held) > 0 && !errors.Is(err, net.ErrClosed) {
		return c.turn(errPartial)
	}
	return err
}

// turn closes a proxy's connection.
func (c *Conn) turn(why error) error {
	c.held = nil
	c.entry.Refused(c.peer, why)
	return c.close(why)
}

// close returns an error on which http.Server answers nothing.
func (c *Conn) close(why error) error {
	c.Conn.Close()
	return &net.OpError{Op: "read", Net: "tcp", Err: why}
}

// From is the client's address that the header has named or, where there was no header,
// or one that named none, as those of a load balancer's own checks do, the peer's. Nil
// has none.
func (c *Conn) From() netip.Addr {
	switch {
	case c == nil:
		return netip.Addr{}
	case c.header.client.IsValid():
		return c.header.client
	}
	return c.peer
}

// Secure is whether the client itself uses TLS, by the header. Where that says
// nothing, it is what the connection does.
func (c *Conn) Secure(connection bool) bool {
	if c == nil || c.header.secure == unsaid {
		return connection
	}
	return c.header.secure == yes
}

type key struct{}

// Note puts the connection into the context of its requests. It is for
// http.Server.ConnContext.
func Note(ctx context.Context, conn net.Conn) context.Context {
	if c := of(conn); c != nil {
		return context.WithValue(ctx, key{}, c)
	}
	return ctx
}

// Of is the connection of a request; nil: it was not noted.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(key{}).(*Conn)
	return c
}

// of looks below TLS, and what else there is.
func of(conn net.Conn) *Conn {
	for {
		if c, ok := conn.(*Conn); ok {
			return c
		}
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = over.NetConn()
	}
}
