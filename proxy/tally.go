package proxy

import (
	"strings"
	"sync"
	"unicode/utf8"

	"fermata/internal/metrics"
	"fermata/proxy/relay"
)

// tallies count by node what Reverb does not tell: what is relayed, and the
// clients of each app. The zero value is ready. Its methods may be called
// concurrently.
type tallies struct {
	mu     sync.Mutex
	nodes  map[string]*tally // by the node's name
	apps   map[string]*app   // by key, those that have clients
	others app               // that are not among these
}

// tally is one node's.
type tally struct {
	traffic relay.Counts

	// Guarded by tallies.mu.
	clients  map[*app]int
	sessions int // clients with one
}

// app is one of Reverb's apps, or all that are too many to be told apart. Its
// fields are guarded by tallies.mu.
type app struct {
	key     string
	clients int // on all nodes
}

const (
	// mostApps is how many apps are told apart.
	mostApps  = 50
	otherApps = "other"
)

// enter counts a client of a node. The key is that of its app, once the node
// has greeted it: what a stranger makes up is no app. Empty: there is none.
func (ts *tallies) enter(node, key string) (*tally, *app) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.at(node)
	if key == "" {
		return t, nil
	}
	a := ts.app(key)
	a.clients++
	t.clients[a]++
	return t, a
}

// sessions counts so many more clients with a session at a node.
func (ts *tallies) sessions(at *tally, more int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	at.sessions += more
}

// traffic is what counts what is relayed with the node.
func (ts *tallies) traffic(node string) *relay.Counts {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return &ts.at(node).traffic
}

// at finds the tally of a node. mu is held.
func (ts *tallies) at(node string) *tally {
	if ts.nodes == nil {
		ts.nodes, ts.apps = make(map[string]*tally), make(map[string]*app)
	}
	t := ts.nodes[node]
	if t == nil {
		t = &tally{clients: make(map[*app]int)}
		ts.nodes[node] = t
	}
	return t
}

// app finds the app, or counts it among the others. mu is held.
func (ts *tallies) app(key string) *app {
	if a := ts.apps[key]; a != nil {
		return a
	}
	if key == otherApps || len(ts.apps) >= mostApps {
		ts.others.key = otherApps
		return &ts.others
	}
	a := &app{key: strings.Clone(key)} // which is a piece of a path
	ts.apps[a.key] = a
	return a
}

// move counts a client that has entered at another node.
func (ts *tallies) move(c *client, node string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	to := ts.at(node)
	if c.app != nil {
		to.clients[c.app]++
		c.tally.drop(c.app)
	}
	c.tally = to
}

// leave is for a client that has entered.
func (ts *tallies) leave(c *client) {
	if c.app == nil {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	c.tally.drop(c.app)
	if c.app.clients--; c.app.clients == 0 {
		delete(ts.apps, c.app.key)
	}
}

// drop takes a client of the app out. mu is held.
func (t *tally) drop(a *app) {
	if t.clients[a]--; t.clients[a] == 0 {
		delete(t.clients, a)
	}
}

// forget drops a node that is gone.
func (ts *tallies) forget(node string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.nodes, node)
}

// all is what has been counted.
func (ts *tallies) all() (all []metrics.Tally) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for node, t := range ts.nodes {
		apps := make(map[string]int, len(t.clients))
		for a, clients := range t.clients {
			apps[a.key] = clients
		}
		all = append(all, metrics.Tally{Node: node, Relayed: t.traffic.Totals(), Apps: apps, Sessions: t.sessions})
	}
	return all
}

// app is the key of the client's app; empty: the node has not let it in.
func (a *answer) app(path, prefix string) string {
	if !a.greeted {
		return ""
	}
	return appKey(path, prefix)
}

// appKey is the key in PREFIX/app/{key}; empty: it is another path.
func appKey(path, prefix string) string {
	below, found := strings.CutPrefix(path, prefix)
	key, isApp := strings.CutPrefix(below, "/app/")
	switch {
	case !found || !isApp || strings.Contains(key, "/"):
		return ""
	case len(key) > 64 || !utf8.ValidString(key):
		return otherApps
	}
	return key
}
