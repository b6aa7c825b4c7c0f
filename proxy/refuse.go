package proxy

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.uber.org/zap"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// hasGone is for a client that ended its connection before it was answered, or
// only its half of it.
const hasGone = "the client has gone"

// refuse answers a malformed request and closes the connection.
func refuse(w http.ResponseWriter, status int, wrong string) {
	w.Header().Set("Connection", "close")
	switch status {
	case http.StatusUpgradeRequired:
		w.Header().Set("Sec-WebSocket-Version", "13")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET")
	}
	http.Error(speller{w}, wrong, status)
}

// refuseUpgrade answers a malformed upgrade, and says so in the log: what is
// wrong with it may be wrong with every client of an app.
func (h *Handler) refuseUpgrade(w http.ResponseWriter, c *client, status int, wrong string) {
	h.metrics.Handshake("", "malformed")
	h.noteRefused(c, "malformed", status, wrong)
	refuse(w, status, wrong)
}

// refusal is what has a log line once a minute.
type refusal struct {
	client netip.Prefix
	result string
}

// noteRefused writes one line per address, result and minute at the most, since
// strangers can have as many refusals as they like.
func (h *Handler) noteRefused(c *client, result string, status int, wrong string) {
	count := h.refused.Add(refusal{c.network(), result}, time.Now())
	if count == 0 {
		return
	}
	h.log.Info("client refused", zap.Stringer("client", c.ip), c.requestField(), zap.Int("status", status), zap.String("reason", wrong),
		zap.String("host", c.host.Value()), zap.String("path", c.path.Value()), zap.Int("count", count))
}

// errTooMany is why a client is turned away that nodes may well have room for.
var errTooMany = errors.New("too many clients")

// turnAway sends off a client that no node can take, and that counts no longer. Unless the configuration
// prefers a 503, the upgrade is accepted and closed, since pusher-js comes
// back after one second from that, and after fifteen from a 503.
func (u *upgrade) turnAway(why error) {
	h, c, o := u.h, u.client, u.options
	c.leave(everywhere)
	outcome, told := "no_node", "no usable node"
	switch {
	case h.stopping.Err() != nil:
		outcome, told, why = "stopping", "restarting", errStopping
	case errors.Is(why, errTooMany):
		outcome, told = "too_many", errTooMany.Error()
	}
	h.metrics.Handshake("", outcome)
	h.noteTurnedAway(c, why)
	spanOf(u.r.Context()).SetStatus(codes.Error, told)
	if o.NoUsableNode == NoNode503 {
		u.w.Header().Set("Retry-After", "1")
		refuse(u.w, http.StatusServiceUnavailable, "no node can take this client now: "+told)
		return
	}
	if _, err := u.hijack(); err != nil {
		return
	}
	u.taken = true
	go func() {
		defer c.leave(everywhere)
		defer h.survive(c)
		u.conn.SetDeadline(time.Now().Add(o.Timeouts.Close))
		defer h.untilCut(u.conn)()
		acceptAndClose(u.conn, u.r.Header.Get("Sec-WebSocket-Key"), told)
	}()
}

// acceptAndClose sends a 101 and a Close frame, and waits for the client to
// end, no longer than until the connection's deadline.
func acceptAndClose(conn net.Conn, key, told string) {
	defer conn.Close()
	b := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(key) + "\r\n\r\n")
	if _, err := conn.Write(relay.AppendClose(b, pusher.CodeRetry, told)); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
}

// acceptKey is RFC 6455 section 4.2.2's answer to a key.
func acceptKey(key string) string {
	var b [64]byte // has room for a key, as they are, and what is added to it
	sum := sha1.Sum(append(append(b[:0], key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	return string(base64.StdEncoding.AppendEncode(b[:0], sum[:]))
}

// noteTurnedAway writes one line a second at the most, with the latest client,
// since clients that are turned away come again every second, all of them.
func (h *Handler) noteTurnedAway(c *client, why error) {
	if count := h.away.add(time.Now(), time.Second); count > 0 {
		h.log.Warn("clients turned away", zap.Int("count", count), zap.Stringer("client", c.ip), c.requestField(), zap.NamedError("err", why),
			zap.Uint16("tries", c.tries), zap.String("host", c.host.Value()), zap.String("path", c.path.Value()))
	}
}
