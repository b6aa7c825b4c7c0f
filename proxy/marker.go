package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"fermata/balancer"
	"fermata/internal/pusher"
	"fermata/proxy/session"
)

// mostMarkers is how many one request publishes.
const mostMarkers = 100

// markers publishes the events at which nodes' outputs are cut, see session.Leaving.
// Clients that move at the same time share a request: while one is under way at a
// node, the next are gathered. The zero value is ready. Its methods may be called
// concurrently.
type markers struct {
	mu      sync.Mutex
	lanes   map[lane]*laneState
	running sync.WaitGroup // requests
}

// lane is where markers are published.
type lane struct {
	node *balancer.Node
	app  *session.App
}

type laneState struct {
	requests int           // under way, and those that wait for it
	busy     chan struct{} // has one while a request is under way
	next     *markerBatch  // is gathered; nil: nobody waits
}

// markerBatch is published with one request.
type markerBatch struct {
	channels []string
	done     chan struct{}
	err      error // valid after done
}

// publish publishes a marker on a channel, by post, and returns when the node has
// taken it, or when ctx ends.
func (m *markers) publish(ctx context.Context, at lane, channel string, post func(lane, []string) error) error {
	l, b, first := m.join(at, channel)
	if first {
		m.running.Go(func() {
			l.busy <- struct{}{} // for no longer than the request before takes
			defer func() { <-l.busy }()
			defer m.leave(at)
			defer close(b.done)
			b.err = post(at, m.closed(l, b))
		})
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join adds a channel to the batch that is gathered. First is whether it began
// that, and has to publish it.
func (m *markers) join(at lane, channel string) (l *laneState, b *markerBatch, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lanes == nil {
		m.lanes = make(map[lane]*laneState)
	}
	if l = m.lanes[at]; l == nil {
		l = &laneState{busy: make(chan struct{}, 1)}
		m.lanes[at] = l
	}
	if first = l.next == nil || len(l.next.channels) == mostMarkers; first {
		l.requests++
		l.next = &markerBatch{done: make(chan struct{})}
	}
	l.next.channels = append(l.next.channels, channel)
	return l, l.next, first
}

// closed has nobody join the batch any more, and is its channels.
func (m *markers) closed(l *laneState, b *markerBatch) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.next == b {
		l.next = nil
	}
	return b.channels
}

// leave is for a request that has ended.
func (m *markers) leave(at lane) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lanes[at].requests--; m.lanes[at].requests == 0 {
		delete(m.lanes, at)
	}
}

// postMarkers publishes an event on the channels through a node.
func (h *Handler) postMarkers(at lane, channels []string) error {
	o := h.options.Load()
	ctx, cancel := context.WithTimeout(h.left, o.Session.Timeout)
	defer cancel()
	path := "/apps/" + at.app.ID + "/events"
	body := session.Marker(channels...)
	status, said, err := h.post(ctx, at, path, body)
	if status == http.StatusUnauthorized && o.PathPrefix != "" {
		status, said, err = h.post(ctx, at, o.PathPrefix+path, body) // as before Reverb 1.9
	}
	switch {
	case err != nil:
		return fmt.Errorf("publish through node %s: %w: %w", at.node.Name(), errUnpublished, err)
	case status != http.StatusOK:
		return fmt.Errorf("publish through node %s: got %d %s, want 200", at.node.Name(), status, cut(said))
	}
	return nil
}

// errUnpublished is a node that has not answered at all.
var errUnpublished = errors.New("it has not answered")

// post sends a request that is signed for that path.
func (h *Handler) post(ctx context.Context, at lane, signed string, body []byte) (status int, said string, err error) {
	query := pusher.SignedQuery(at.app.Key, at.app.Secret, http.MethodPost, signed, body, time.Now())
	path := h.options.Load().PathPrefix + "/apps/" + at.app.ID + "/events"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+path+"?"+query, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := h.toNodes.send(r, at.node)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return response.StatusCode, string(b), err
}
