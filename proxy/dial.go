package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"fermata/balancer"
	"fermata/internal/names"
	"fermata/internal/nodetls"
	"fermata/internal/shortage"
	"fermata/proxy/relay"
)

// dialError is a dial to a node that failed: nothing was sent, so that
// another node can be tried whatever the request.
type dialError struct {
	node string
	err  error
}

func (e *dialError) Error() string { return fmt.Sprintf("dial node %s: %v", e.node, bare(e.err)) }
func (e *dialError) Unwrap() error { return e.err }

// dial connects to a node, with TLS where its URL says so, and tells of a failure.
// Nobody needs the connection after that time. The error is a *dialError.
func (h *Handler) dial(ctx context.Context, by time.Time, n *balancer.Node, limits Timeouts) (net.Conn, error) {
	conn, err := h.connect(ctx, n, limits.Dial)
	if err == nil {
		conn, err = h.secure(ctx, by, n, conn, limits.Answer)
	}
	if err != nil {
		return nil, &dialError{n.Name(), err}
	}
	return conn, nil
}

func (h *Handler) connect(ctx context.Context, n *balancer.Node, limit time.Duration) (net.Conn, error) {
	addresses := h.pool.Addresses(n)
	conn, at, err := names.Dial(until{ctx, time.Now().Add(limit)}, addresses, h.engine.Dial)
	if err == nil && at > 0 {
		h.pool.Prefer(n, addresses[at])
	}
	if err == nil {
		return conn, nil
	}
	if resource := shortage.Of(err); resource != "" {
		h.metrics.DialShort(resource)
	} else if ctx.Err() == nil && h.dialFailed != nil {
		h.dialFailed(n.Name(), err)
	}
	return nil, err
}

// secure shakes hands with a node that speaks TLS. It is the node's loop that does its
// part of it, so that it may take as long as an answer.
func (h *Handler) secure(ctx context.Context, by time.Time, n *balancer.Node, conn net.Conn, limit time.Duration) (net.Conn, error) {
	config := h.pool.Secure(n)
	if config == nil {
		return conn, nil
	}
	relay.Aside(ctx)
	secure := relay.Secure(conn, config)
	bounded, cancel := context.WithDeadline(ctx, earlier(by, time.Now().Add(limit)))
	defer cancel()
	err := nodetls.Handshake(bounded, secure)
	if err == nil {
		return secure, nil
	}
	conn.Close()
	switch {
	case ctx.Err() != nil, !time.Now().Before(by): // it had not all its time
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.tell(h.unanswered, n)
	case h.dialFailed != nil:
		h.dialFailed(n.Name(), err)
	}
	return nil, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// until is a context with a deadline that nobody can cancel: package net starts
// a goroutine for each dial that can be. A client that leaves during a dial is
// noticed after it.
type until struct {
	context.Context
	deadline time.Time
}

func (u until) Deadline() (time.Time, bool) { return u.deadline, true }
func (u until) Done() <-chan struct{}       { return nil }
func (u until) Err() error                  { return nil }

// bare leaves out the addresses that net puts into its errors: the node's
// name stands there already.
func bare(err error) error {
	if insecure, ok := errors.AsType[*nodetls.Error](nodetls.Refused(err)); ok {
		return insecure
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
