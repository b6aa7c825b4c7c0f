package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"fermata/internal/arrival"
)

// Newcomers are the connections that have come in and whose first request has not been
// answered. An upgrade such as clients send is served right here, on the client's shard:
// to leave each to an http.Server costs more than all the rest of a new client. Whatever
// is not just that is left to the http.Server, with all that was read of it: plain
// requests, heads in several pieces, mistakes. So nothing is decided twice: this takes no
// request that an http.Server would refuse, and refuses none.
type Newcomers struct {
	h       *Handler
	buffers sync.Pool // of *headBuffer, for those whose head is being read
}

// NewNewcomers returns none. Close ends it.
func NewNewcomers(h *Handler) *Newcomers {
	n := &Newcomers{h: h}
	n.buffers.New = func() any { return new(headBuffer) }
	return n
}

// First is for relay.Incoming.
func (n *Newcomers) First(ctx context.Context, conn net.Conn) (left net.Conn) {
	c := &newcomer{h: n.h, conn: conn, buffers: &n.buffers}
	defer func() {
		c.survive(recover())
		left = c.settle()
	}()
	c.serve(ctx)
	return nil
}

// Close closes the connections of all newcomers, and of those who still come. It does so
// with all connections that came in by the Handler's ConnState, but hijacked ones.
func (n *Newcomers) Close() { n.h.open.Close() }

// newcomer is one of them.
type newcomer struct {
	h       *Handler
	buffers *sync.Pool
	conn    net.Conn
	rest    []byte // what was read and not used
	fate    fate
}

// A fate is what becomes of a newcomer's connection.
type fate int

const (
	closedHere   fate = iota
	leftToServer      // to the http.Server
	takenOver         // by whoever hijacks it
)

// serve takes the newcomer as far as it is to come here.
func (c *newcomer) serve(ctx context.Context) {
	c.h.ConnState(c.conn, http.StateNew)
	limits := c.h.options.Load().Timeouts
	if c.shakeHands(ctx, limits.Header) != nil {
		c.fate = leftToServer // the http.Server gets the same error, and says what there is to say
		return
	}
	c.conn.SetReadDeadline(time.Now().Add(limits.Header))
	r := c.request(arrival.Note(ctx, c.conn))
	if r == nil {
		return
	}
	c.conn.SetReadDeadline(time.Time{})
	c.h.open.ConnState(c.conn, http.StateActive)
	c.answer(r)
}

// shakeHands does so where the client uses TLS.
func (c *newcomer) shakeHands(ctx context.Context, within time.Duration) error {
	secure, ok := c.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	c.conn.SetDeadline(time.Now().Add(within))
	defer c.conn.SetDeadline(time.Time{})
	return secure.HandshakeContext(ctx)
}

// request is what the client asks for; nil: nothing that is for here.
func (c *newcomer) request(ctx context.Context) *http.Request {
	b := c.buffers.Get().(*headBuffer)
	defer c.buffers.Put(b)
	n, err := c.conn.Read(b[:])
	if n == 0 && err != nil {
		return nil
	}
	r, rest := b.upgrade(ctx, n)
	if r == nil {
		c.fate = leftToServer
	}
	c.rest = append(c.rest, rest...)
	return r
}

// answer has the Handler answer the request, as an http.Server does.
func (c *newcomer) answer(r *http.Request) {
	if arrival.Of(r.Context()) == nil { // which knows the address without a text
		r.RemoteAddr = c.conn.RemoteAddr().String()
	}
	if secure, ok := c.conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		r.TLS = &state
	}
	w := &reply{newcomer: c, ctx: r.Context()}
	c.h.ServeHTTP(w, r)
	w.send()
}

// survive is given what was recovered.
func (c *newcomer) survive(value any) {
	if value != nil && value != http.ErrAbortHandler {
		c.h.metrics.Panicked()
		c.h.log.Error("panic, one client was ended: this is a bug in Fermata", zap.Stringer("peer", c.conn.RemoteAddr()),
			zap.Any("reason", value), zap.ByteString("stack", debug.Stack()))
	}
}

// settle is the end of the newcomer, and what of it is left to the http.Server.
func (c *newcomer) settle() (left net.Conn) {
	switch c.fate {
	case leftToServer:
		c.conn.SetDeadline(time.Time{})
		c.h.open.ConnState(c.conn, http.StateClosed) // the http.Server begins anew
		return begun(c.conn, c.rest)
	case closedHere:
		c.conn.Close()
		c.h.ConnState(c.conn, http.StateClosed)
	}
	return nil
}
