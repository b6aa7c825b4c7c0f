package proxy

import (
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"fermata/proxy/relay"
)

// Codes that Fermata itself closes clients with. On both, pusher-js comes
// back: at once, and after a second.
const (
	codeMoved = 4200
	codeRetry = 4100
)

// hasGone is for a client that ended its connection before it was answered, or
// only its half of it.
const hasGone = "the client has gone"

// refuse answers a malformed request and closes the connection.
func refuse(w http.ResponseWriter, status int, wrong string) {
	w.Header().Set("Connection", "close")
	if status == http.StatusUpgradeRequired {
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	http.Error(w, wrong, status)
}

// turnAway sends off a client that no node can take. Unless the configuration
// prefers a 503, the upgrade is accepted and closed, since pusher-js comes
// back after one second from that, and after fifteen from a 503.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, c *client, o *Options, why string) {
	h.Metrics.Handshake("", "no_node")
	h.Log.Warn("client turned away", zap.Stringer("client", c.ip), zap.String("reason", why), zap.Int("tries", c.tries))
	if o.NoUsableNode == NoNode503 {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "no node can take this client now")
		return
	}
	conn, _, err := hijack(w)
	if err != nil {
		return
	}
	h.closers.Go(func() {
		defer h.open.Add(-1)
		acceptAndClose(conn, r.Header.Get("Sec-WebSocket-Key"), o.Timeouts.Close)
	})
}

// acceptAndClose sends a 101 and a Close frame, and waits for the client to
// end, no longer than the limit.
func acceptAndClose(conn net.Conn, key string, limit time.Duration) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	b := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(key) + "\r\n\r\n")
	if _, err := conn.Write(relay.AppendClose(b, codeRetry, "no usable node")); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
}

// acceptKey is RFC 6455 section 4.2.2's answer to a key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
