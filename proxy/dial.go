package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"fermata/balancer"
	"fermata/internal/names"
	"fermata/internal/shortage"
)

// dialError is a dial to a node that failed: nothing was sent, so that
// another node can be tried whatever the request.
type dialError struct {
	node string
	err  error
}

func (e *dialError) Error() string { return fmt.Sprintf("dial node %s: %v", e.node, bare(e.err)) }
func (e *dialError) Unwrap() error { return e.err }

// dial connects to a node within the limit, and tells of a failure. The error is a *dialError.
func (h *Handler) dial(ctx context.Context, n *balancer.Node, limit time.Duration) (net.Conn, error) {
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
	return nil, &dialError{n.Name(), err}
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
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
