package devnode

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// isUpgrade takes any Upgrade header for a WebSocket, h2c too. A path that
// nobody serves is a 404 before.
func (n *Node) isUpgrade(r *Request) bool {
	_, pattern := n.mux.Handler(r.Request)
	return pattern != "" && r.Header.Get("Upgrade") != ""
}

// upgrade answers a handshake, and serves the client until its end.
func (n *Node) upgrade(w *response, r *Request) {
	faults := n.faults.Load()
	if faults.Hang {
		linger(w.conn)
		return
	}
	status := verify(r)
	if faults.Refuse != 0 {
		status = faults.Refuse
	}
	if status != 0 {
		n.refuseUpgrade(w, status)
		return
	}
	if faults.KeepEarly {
		w.early = r.early()
	}
	n.accept101(w, r)
}

// verify returns the status that refuses the handshake; 0: it is good.
func verify(r *Request) int {
	switch {
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed
	case !r.ProtoAtLeast(1, 1):
		return http.StatusHTTPVersionNotSupported
	case r.Host == "":
		return http.StatusBadRequest
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		return http.StatusBadRequest
	case !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade"):
		return http.StatusBadRequest
	case !isKey(r.Header.Get("Sec-WebSocket-Key")):
		return http.StatusBadRequest
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return http.StatusUpgradeRequired
	}
	return 0
}

func isKey(key string) bool {
	nonce, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(nonce) == 16
}

// refuseUpgrade leaves the connection open, as Reverb does, and without a
// length in the answer: only a client that knows better ends it.
func (n *Node) refuseUpgrade(w *response, status int) {
	if status == http.StatusUpgradeRequired {
		w.header.Set("Sec-WebSocket-Version", "13")
	}
	w.WriteHeader(status)
	w.flush()
	if n.faults.Load().CloseRefused {
		w.conn.finish()
		return
	}
	linger(w.conn)
}

// linger reads until the peer or the node ends the connection.
func linger(c *conn) {
	scratch := make([]byte, 512)
	for {
		if _, err := c.Read(scratch); err != nil {
			return
		}
	}
}

// accept101 sends the 101, without an extension or a subprotocol. The library
// does not look at the origin: that is the app's matter, after the 101.
func (n *Node) accept101(w *response, r *Request) {
	w.header.Set("X-Powered-By", "Laravel Reverb")
	ws, err := websocket.Accept(w, r.Request, &websocket.AcceptOptions{
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		w.flush()
		return
	}
	defer ws.CloseNow()
	n.record.upgrade()
	ws.SetReadLimit(n.options.MaxMessage)
	n.serveClient(newClient(n, w.conn, ws), r)
}
