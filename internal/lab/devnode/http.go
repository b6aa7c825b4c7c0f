package devnode

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

// routes are Reverb's, and /devnode with the node's Stats.
func (n *Node) routes() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(method, path string, h http.HandlerFunc) {
		mux.HandleFunc(method+" "+n.options.Prefix+path, h)
	}
	signed := func(method, path string, h func(*http.Request, []byte) (any, error)) {
		handle(method, "/apps/{id}"+path, n.signed(h))
	}
	handle("GET", "/up", n.up)
	handle("GET", "/devnode", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, n.Stats()) })
	handle("GET", "/app/{key}", noWebSocket)
	signed("POST", "/events", n.postEvent)
	signed("POST", "/batch_events", n.postBatch)
	signed("POST", "/users/{user}/terminate_connections", n.postTerminate)
	signed("GET", "/connections", n.getConnections)
	signed("GET", "/channels", n.getChannels)
	signed("GET", "/channels/{channel}", n.getChannel)
	signed("GET", "/channels/{channel}/users", n.getUsers)
	return mux
}

// answer serves the one request of a connection.
func (n *Node) answer(c *conn) {
	w := &response{conn: c, header: make(http.Header)}
	request, err := n.read(c)
	if err != nil {
		refuse(w, err)
		return
	}
	n.record.request(request)
	pause(n.faults.Load().Delay, c.closed)
	switch {
	case n.isUpgrade(request):
		n.upgrade(w, request)
	case request.Host == "":
		http.Error(w, "Bad Request", http.StatusBadRequest)
		w.finish()
	default:
		request.Body = io.NopCloser(bytes.NewReader(request.Content))
		n.mux.ServeHTTP(w, request.Request)
		w.finish()
	}
}

// refuse answers a request that could not be read.
func refuse(w *response, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		http.Error(w, "Payload too large.", http.StatusRequestEntityTooLarge)
	case errors.Is(err, errMalformed):
		http.Error(w, "Internal server error.", http.StatusInternalServerError)
	default:
		return
	}
	w.finish()
}

func (w *response) finish() {
	w.flush()
	w.conn.finish()
}

// pause waits, but not for a connection that is gone.
func pause(delay time.Duration, gone <-chan struct{}) {
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	}
}

func (n *Node) up(w http.ResponseWriter, _ *http.Request) {
	if status := n.faults.Load().Up; status != 0 {
		w.WriteHeader(status)
		return
	}
	writeJSON(w, map[string]string{"health": "OK"})
}

// noWebSocket is what a plain GET of the WebSocket route gets.
func noWebSocket(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "Internal server error.", http.StatusInternalServerError)
}
