package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrNotUpgraded is an upgrade that has failed; then nothing has changed.
var ErrNotUpgraded = errors.New("not upgraded, nothing has changed")

// UpgradeRequest is the body of an upgrade.
type UpgradeRequest struct {
	// Environment are variables that the new process gets beside those of the old one,
	// and instead of those of the same names.
	Environment map[string]string `json:"environment,omitempty"`
}

func (r UpgradeRequest) check() error {
	for name, value := range r.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return badInput("environment: got %.70q, want the name of a variable, and values without a NUL", name)
		}
	}
	return nil
}

// Upgraded is the answer to an upgrade.
type Upgraded struct {
	PID        int       `json:"pid"`            // of the process that serves now
	HandedOver int       `json:"handed_over"`    // clients that it has from the old one so far
	Staying    int       `json:"staying"`        // that stay with the old one, as they use TLS
	Until      time.Time `json:"until,omitzero"` // when the last of them is told to come again; left out: none is
}

// Predecessor is a process whose place another one has taken, and that has clients
// still.
type Predecessor struct {
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Clients int       `json:"clients"`
	Since   time.Time `json:"since"`          // when its place was taken
	Until   time.Time `json:"until,omitzero"` // when its last client is told to come again; left out: none is
}

// Text is it in a line for people, with the time of day in their zone.
func (p Predecessor) Text() string {
	text := fmt.Sprintf("process %d (%s) still has %d clients", p.PID, strings.Trim(p.Version, "()"), p.Clients)
	if p.Clients == 1 {
		text = strings.TrimSuffix(text, "s")
	}
	if p.Until.IsZero() {
		return text + ", until they leave"
	}
	return text + ", all over by " + p.Until.Local().Format("15:04")
}

func (s *Server) upgrade(r *http.Request) (any, error) {
	var request UpgradeRequest
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	if err := request.check(); err != nil {
		return nil, err
	}
	return s.control.Upgrade(request)
}

// Upgrade has the running Fermata replaced by one that is started anew. It errors with
// ErrNotUpgraded, which says why.
func (c *Client) Upgrade(ctx context.Context, request UpgradeRequest) (Upgraded, error) {
	var upgraded Upgraded
	err := c.call(ctx, http.MethodPost, "/v1/upgrade", request, &upgraded)
	return upgraded, err
}

// Retire has connections end with their next answer, and streams of events at once, as
// another process answers from now on; or no more.
func (s *Server) Retire(retired bool) {
	s.retired.Store(retired)
	if retired {
		s.feed.endFollowers()
	}
}

// withRetirement is around all handlers.
func (s *Server) withRetirement(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.retired.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
