package proxy

import (
	"crypto/rand"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"fermata/internal/arrival"
)

// newVia is what this process, and no other, adds to Via (RFC 9110 section
// 7.6.3) in what nodes get, so that it knows a request that comes back to it.
func newVia() string { return "1.1 fermata-" + rand.Text()[:13] }

// isLoop is whether the request has passed through this process before: a
// node's url leads back here.
func isLoop(r *http.Request, o *Options) bool {
	return slices.ContainsFunc(r.Header["Via"], func(value string) bool { return strings.Contains(value, o.via) })
}

// refuseLoop ends a loop, which would otherwise take all descriptors there are.
// The log says so once a second at the most.
func (h *Handler) refuseLoop(w http.ResponseWriter, r *http.Request, c *client) {
	if count := h.loops.add(time.Now(), time.Second); count > 0 {
		h.log.Error("a node is this Fermata itself", zap.Stringer("listener", localAddr(r)), zap.Int("count", count), c.requestField(),
			zap.String("host", c.host.Value()), zap.String("path", c.path.Value()), zap.String("reason", "a request came back: the url of a node leads to this listener"))
	}
	refuse(w, http.StatusLoopDetected, "got a request that has been here before, want nodes whose url does not lead back")
}

// localAddr is the listener's address that the client has connected to.
func localAddr(r *http.Request) net.Addr {
	if conn := arrival.Of(r.Context()); conn != nil {
		return conn.LocalAddr()
	}
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addr
}
