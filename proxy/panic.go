package proxy

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"go.uber.org/zap"

	"fermata/proxy/relay"
)

// Panicked implements relay.Owner.
func (c *client) Panicked(err *relay.PanicError) { c.handler.panicked(c, err.Value, err.Stack) }

// panicked tells of a panic that has ended a client.
func (h *Handler) panicked(c *client, value any, stack []byte) {
	h.metrics.Panicked()
	h.log.Error("panic, one client was ended: this is a bug in Fermata", zap.Stringer("client", c.ip), c.requestField(), c.nodeField(),
		zap.String("path", c.path.Value()), zap.String("reason", fmt.Sprint(value)), zap.ByteString("stack", stack))
}

// survive is deferred by goroutines of one client.
func (h *Handler) survive(c *client) {
	if value := recover(); value != nil {
		h.panicked(c, value, debug.Stack())
	}
}

// surviveRequest is deferred by what net/http calls, which closes the
// connection then, unless it has given it away.
func (h *Handler) surviveRequest(c *client) {
	value := recover()
	if value == nil {
		return
	}
	if value != http.ErrAbortHandler {
		h.panicked(c, value, debug.Stack())
	}
	panic(http.ErrAbortHandler)
}
