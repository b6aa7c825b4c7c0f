// Package demo is the page to try Fermata in a browser: which node it is on,
// how it was moved, and messages between all pages on all nodes.
package demo

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"fermata/internal/lab/devnode"
)

//go:embed static
var embedded embed.FS

// Channel is where the pages' messages go.
const Channel = "private-demo"

// PageOptions say where the page connects to, and what its buttons do.
type PageOptions struct {
	// WebSocket is where clients reach Fermata, such as wss://127.0.0.1:8443.
	WebSocket string
	// Plain is where it connects instead, without TLS, in a browser that does
	// not know Fermata's certificate; empty: nowhere.
	Plain string
	// API is where the page's handler publishes through Fermata, such as
	// https://127.0.0.1:8443; empty: pages cannot send.
	API string
	// Client is what it publishes with, for one that trusts Fermata's
	// certificate; nil: http.DefaultClient.
	Client *http.Client
	// AppID, AppKey and AppSecret are the nodes' app.
	AppID, AppKey, AppSecret string
	// Nodes returns the nodes as the admin API lists them: name, health,
	// reason, state and connections in JSON; nil: the page shows none.
	Nodes func() any
	// NodeOf is the node that has a client on the channel: a page's own channel
	// says where its socket is now, after a move without a close, too; nil: the
	// page knows only which node has greeted it.
	NodeOf func(channel string) string
	// Drain and Undrain are the buttons of a node; nil: there is no button.
	// An error's text is shown.
	Drain, Undrain func(node string) error
}

// page is the handlers.
type page struct{ PageOptions }

// Page serves the demo's page. It is for loopback: who can load the page can
// drain nodes. Requests of other sites, and for host names other than
// localhost, are refused.
func Page(o PageOptions) http.Handler {
	p := page{o}
	files, _ := fs.Sub(embedded, "static")
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /config.json", p.config)
	mux.HandleFunc("POST /auth", p.auth)
	if o.API != "" {
		mux.HandleFunc("POST /send", p.send)
	}
	if o.Nodes != nil {
		mux.HandleFunc("GET /nodes", func(w http.ResponseWriter, _ *http.Request) { answer(w, o.Nodes()) })
	}
	if o.NodeOf != nil {
		mux.HandleFunc("GET /node", func(w http.ResponseWriter, r *http.Request) {
			answer(w, map[string]string{"node": o.NodeOf(r.URL.Query().Get("channel"))})
		})
	}
	press(mux, "drain", o.Drain)
	press(mux, "undrain", o.Undrain)
	return p.guard(http.NewCrossOriginProtection().Handler(mux))
}

// press adds the button's route; nil: none.
func press(mux *http.ServeMux, button string, do func(string) error) {
	if do == nil {
		return
	}
	mux.HandleFunc("POST /nodes/{name}/"+button, func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.PathValue("name")); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// guard keeps the page to itself: nothing from elsewhere runs in it, and a
// name that a stranger has pointed at this address does not get it.
func (p page) guard(next http.Handler) http.Handler {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' " +
		strings.TrimSpace(p.WebSocket+" "+p.Plain) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOwnHost(r.Host) {
			http.Error(w, "the demo answers to localhost and to addresses only", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func isOwnHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}

// config tells the page where to connect, and which parts to show.
func (p page) config(w http.ResponseWriter, _ *http.Request) {
	const client = "?protocol=7&client=fermata-demo"
	plain := ""
	if p.Plain != "" {
		plain = p.Plain + "/app/" + p.AppKey + client
	}
	answer(w, map[string]any{
		"socket":  p.WebSocket + "/app/" + p.AppKey + client,
		"plain":   plain,
		"trust":   trustURL(p.WebSocket),
		"channel": Channel,
		"send":    p.API != "",
		"nodes":   p.Nodes != nil,
		"node":    p.NodeOf != nil,
		"drain":   p.Drain != nil && p.Undrain != nil,
	})
}

// trustURL is where a browser can be told to take a certificate that it does
// not know; empty: there is none.
func trustURL(socket string) string {
	if rest, ok := strings.CutPrefix(socket, "wss://"); ok {
		return "https://" + rest + "/up"
	}
	return ""
}

// auth lets a page into the demo's channel.
func (p page) auth(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	channel, socketID := r.PostFormValue("channel_name"), r.PostFormValue("socket_id")
	if channel != Channel || socketID == "" {
		http.Error(w, "want a socket_id, and the channel_name "+Channel, http.StatusForbidden)
		return
	}
	answer(w, map[string]string{"auth": devnode.SignChannel(socketID, channel, "", p.AppKey, p.AppSecret)})
}

// send publishes a page's message to all of them, by a signed event through
// Fermata.
func (p page) send(w http.ResponseWriter, r *http.Request) {
	var message struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	data, _ := json.Marshal(message)
	if err := p.publish(r.Context(), "message", string(data)); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
