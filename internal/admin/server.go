package admin

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"fermata/internal/admin/endpoint"
	"fermata/internal/connlimit"
)

// Server answers the API and serves the dashboard. It is an http.Handler; its
// methods may be called concurrently.
type Server struct {
	// WrongToken is told from where a request with a wrong token came; it must not
	// block. Set before the first request; nil: nobody wants to know.
	WrongToken func(from string)

	options atomic.Pointer[endpoint.Options]
	control Control
	feed    *feed
	history history
	handler http.Handler
	retired atomic.Bool
}

// New makes a Server that shows and steers control. The metrics are served on
// /metrics.
func New(o endpoint.Options, control Control, metrics http.Handler) *Server {
	s := &Server{control: control, feed: newFeed()}
	s.options.Store(&o)
	s.handler = withHeaders(s.withRetirement(s.guard(s.mux(metrics))))
	return s
}

// SetOptions replaces the tokens and the hosts for all requests to come.
func (s *Server) SetOptions(o endpoint.Options) { s.options.Store(&o) }

// HTTPServer is an http.Server for s with its timeouts set, which ends the
// event streams when it is shut down. Of its connections, beyond the limit, those
// go first that say nothing. The caller runs it.
func (s *Server) HTTPServer(open *connlimit.Limit) *http.Server {
	server := &http.Server{
		Handler:           s,
		ConnState:         open.ConnState,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	server.RegisterOnShutdown(s.Close)
	return server
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Publish tells everyone who follows /v1/events. It never blocks; a follower
// who is too slow is cut off.
func (s *Server) Publish(e Event) { s.feed.publish(e) }

// Close ends the streams of events, after what was published before has been
// sent. Everything else goes on working.
func (s *Server) Close() { s.feed.close() }

// answer is a handler that returns what to send as JSON.
type answer func(*http.Request) (any, error)

func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	value, err := a(r)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, value)
}

func (s *Server) nodes(r *http.Request) (any, error) {
	local, err := localOf(r)
	if err != nil {
		return nil, err
	}
	return s.control.Nodes(local).orEmpty(), nil
}

// orEmpty makes the JSON of no nodes a list too.
func (l NodeList) orEmpty() NodeList {
	l.Nodes = append([]Node{}, l.Nodes...)
	return l
}

func (s *Server) node(r *http.Request) (any, error) {
	name := r.PathValue("name")
	local, err := localOf(r)
	if err != nil {
		return nil, err
	}
	for _, node := range s.control.Nodes(local).Nodes {
		if node.Name == name {
			return node, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownNode, name)
}

func (s *Server) drain(r *http.Request) (any, error) {
	var request DrainRequest
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	if err := request.check(); err != nil {
		return nil, err
	}
	return s.control.Drain(r.PathValue("name"), request)
}

func (s *Server) undrain(r *http.Request) (any, error) {
	var request UndrainRequest
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	return s.control.Undrain(r.PathValue("name"), request)
}

func (s *Server) rebalance(r *http.Request) (any, error) {
	var request RebalanceRequest
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	if err := request.check(); err != nil {
		return nil, err
	}
	return s.control.Rebalance(request)
}

func (s *Server) roll(*http.Request) (any, error) { return s.control.Roll().orEmpty(), nil }

func (s *Server) setRoll(r *http.Request) (any, error) {
	var roll Roll
	if err := readBody(r, &roll); err != nil {
		return nil, err
	}
	if err := roll.check(); err != nil {
		return nil, err
	}
	roll, err := s.control.SetRoll(roll)
	return roll.orEmpty(), err
}

func (s *Server) endRoll(r *http.Request) (any, error) {
	var end endRoll
	if err := readBody(r, &end); err != nil {
		return nil, err
	}
	roll, err := s.control.SetRoll(Roll{Local: end.Local, Fence: end.Fence})
	return roll.orEmpty(), err
}

// endRoll is the body of DELETE /v1/roll.
type endRoll struct {
	Local bool   `json:"local,omitempty"`
	Fence uint64 `json:"fence,omitempty"` // of the roll that is to be ended; 0: whichever it is
}

// orEmpty makes the JSON of no nodes a list too.
func (r Roll) orEmpty() Roll {
	r.Nodes = append([]string{}, r.Nodes...)
	return r
}

func (s *Server) reload(r *http.Request) (any, error) {
	if err := readBody(r, &struct{}{}); err != nil {
		return nil, err
	}
	reloaded, err := s.control.Reload()
	if err != nil {
		return nil, configError{err}
	}
	return reloaded, nil
}

func (s *Server) explain(r *http.Request) (any, error) {
	ip, cookie := r.FormValue("ip"), r.FormValue("cookie")
	if ip == "" && cookie == "" {
		return nil, badInput("got neither ip nor cookie, want at least one")
	}
	if ip == "" {
		return s.control.Explain(netip.Addr{}, cookie), nil
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, badInput("ip: got %q, want an IPv4 or IPv6 address", ip)
	}
	return s.control.Explain(addr.Unmap(), cookie), nil
}

func healthy(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.control.Ready() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func noSuchPath(r *http.Request) (any, error) {
	return nil, fmt.Errorf("%w: %s", errNoPath, r.URL.Path)
}

// wrongMethod answers every method but the allowed ones, and HEAD beside GET.
func wrongMethod(allowed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowed)
		writeError(w, fmt.Errorf("%w: got %s, want %s", errMethod, r.Method, allowed))
	})
}
