package devnode

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Stats are what a node has seen.
type Stats struct {
	Name        string `json:"name"`
	Connections int    `json:"connections"`  // WebSocket clients that are open
	Subscribed  int    `json:"subscribed"`   // those of them with a subscription
	Open        int    `json:"open"`         // TCP connections, the bus not counted
	Most        int    `json:"most"`         // most Connections at any time
	MostOpen    int    `json:"most_open"`    // most Open at any time
	Requests    int    `json:"requests"`     // all, upgrades included
	Upgrades    int    `json:"upgrades"`     // answered with 101
	PeakPerSec  int    `json:"peak_per_sec"` // most upgrades in one second of the clock
	Messages    int    `json:"messages"`     // that clients sent
	Published   int    `json:"published"`    // events that came by POST
	OnBus       bool   `json:"on_bus"`       // whether it is on its bus now
}

// Request is a request as a node got it.
type Request struct {
	*http.Request        // its Body is spent
	Content       []byte // the body
	Raw           []byte // all bytes as they came, behind the body too
}

// maxPaths bounds the requests that a record remembers.
const maxPaths = 1000

// record counts, and tells those who wait that something has changed.
type record struct {
	mu      sync.Mutex
	stats   Stats
	second  int64 // the clock's second that inSecond counts
	inSec   int
	last    map[string]*Request
	changed chan struct{} // closed and replaced at every change
}

func newRecord() record {
	return record{last: make(map[string]*Request), changed: make(chan struct{})}
}

// note changes the stats; a nil change only tells of one elsewhere.
func (r *record) note(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if change != nil {
		change(&r.stats)
	}
	r.tell()
}

// tell needs mu held.
func (r *record) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *record) request(request *Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Requests++
	if _, known := r.last[request.URL.Path]; known || len(r.last) < maxPaths {
		r.last[request.URL.Path] = request
	}
	r.tell()
}

func (r *record) upgrade() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now().Unix(); now != r.second {
		r.second, r.inSec = now, 0
	}
	r.inSec++
	r.stats.Upgrades++
	r.stats.PeakPerSec = max(r.stats.PeakPerSec, r.inSec)
	r.tell()
}

// snapshot also returns what is closed at the next change.
func (r *record) snapshot() (Stats, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats, r.changed
}

// Stats returns what the node has seen so far.
func (n *Node) Stats() Stats {
	stats, _ := n.look()
	return stats
}

func (n *Node) look() (Stats, <-chan struct{}) {
	stats, changed := n.record.snapshot()
	stats.Name = n.options.Name
	stats.Open, stats.MostOpen = n.open()
	stats.Connections, stats.Subscribed = n.hub.count()
	stats.Most = n.hub.highest()
	stats.OnBus = n.link != nil && n.link.isThere()
	return stats, changed
}

// Connections is the number of WebSocket clients that are open.
func (n *Node) Connections() int { return n.Stats().Connections }

// LastRequest is the latest request for the path, nil if there was none.
func (n *Node) LastRequest(path string) *Request {
	n.record.mu.Lock()
	defer n.record.mu.Unlock()
	return n.record.last[path]
}

// Wait returns nil as soon as the condition holds. It errors when the context
// ends before.
func (n *Node) Wait(ctx context.Context, holds func(Stats) bool) error {
	for {
		stats, changed := n.look()
		if holds(stats) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(errors.New("waiting for a node"), context.Cause(ctx))
		}
	}
}
