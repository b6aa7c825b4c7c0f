package app

import (
	"cmp"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/config"
	"fermata/internal/discover"
	"fermata/internal/nodetls"
)

// joined is the nodes that there are now: those of the configuration, and those
// that were found.
type joined struct {
	nodes    []balancer.NodeOptions
	entries  []config.Node     // of which each is
	origins  map[string]string // by node: where it was found; empty: it is in the configuration
	departed map[string]string // the same of nodes that are gone and may still have clients
	leftOut  []string          // nodes that were found and cannot be, and why
}

// join joins them in the order of the entries. A node of the configuration comes
// before one that was found with the same name or address, and an earlier entry's
// before a later one's.
func join(entries []config.Node, found func(entry string) []discover.Node) joined {
	j := joined{origins: make(map[string]string), departed: make(map[string]string)}
	taken := make(places)
	for _, e := range entries {
		if !e.Finds() {
			taken.take(e.NodeOptions)
		}
	}
	for _, e := range entries {
		if !e.Finds() {
			j.add(e.NodeOptions, e)
			continue
		}
		for _, n := range found(e.Name) {
			j.addFound(n.Options(e.NodeOptions), e, taken)
		}
	}
	return j
}

// secure adds how TLS is spoken to the nodes that do.
func (j *joined) secure(clients *nodetls.Clients) {
	for i := range j.nodes {
		if n, e := &j.nodes[i], j.entries[i]; n.URL.TLS {
			n.Secure = clients.Of(n.Name, e.Trust, e.HostOf(n.URL))
		}
	}
	clients.Keep()
}

func (j *joined) add(o balancer.NodeOptions, e config.Node) {
	j.nodes, j.entries, j.origins[o.Name] = append(j.nodes, o), append(j.entries, e), ""
	if e.Finds() {
		j.origins[o.Name] = e.Source.String()
	}
}

func (j *joined) addFound(o balancer.NodeOptions, e config.Node, taken places) {
	if why := taken.obstacle(o); why != "" {
		j.leftOut = append(j.leftOut, fmt.Sprintf("%s of %s: %s", o.Name, e.Source, why))
		return
	}
	taken.take(o)
	j.add(o, e)
}

// places are the names and the addresses of nodes, with whose they are.
type places map[string]string

func (p places) take(o balancer.NodeOptions) {
	p[nameKey(o)], p[addressKey(o)] = o.Name, o.Name
}

// obstacle is why there cannot be such a node, too; empty: there can.
func (p places) obstacle(o balancer.NodeOptions) string {
	if other, again := p[nameKey(o)]; again {
		return "there is a node of this name, " + other
	}
	if other, again := p[addressKey(o)]; again {
		return other + " is at its address"
	}
	return ""
}

func nameKey(o balancer.NodeOptions) string    { return strings.ToLower(o.Name) }
func addressKey(o balancer.NodeOptions) string { return o.URL.Host }

// lookedForNodes is told after each look for nodes.
func (a *App) lookedForNodes(r discover.Report) {
	if !r.Any() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running.Err() == nil {
		a.replaceNodes()
		a.rememberFound()
		a.delivery.Replan()
	}
}

// putNodes makes the pool's nodes those that there are now, and returns them. mu
// is held.
func (a *App) putNodes() []balancer.NodeOptions {
	j := join(a.config.Nodes, a.discovery.nodes)
	j.secure(&a.clients)
	a.pool.Replace(j.nodes, a.config.Sticky)
	a.handler.SetOptions(a.proxyOptions(a.config)) // which share out what the nodes leave
	a.noteFound(j)
	return j.nodes
}

// noteFound tells which nodes have come and gone. mu is held.
func (a *App) noteFound(j joined) {
	before := a.joined.Load()
	for _, n := range j.nodes {
		origin := j.origins[n.Name]
		if _, old := before.origins[n.Name]; !old && origin != "" {
			a.tell("node_found", n.Name, n.URL.Host+", by "+origin)
		}
	}
	for _, n := range before.nodes {
		origin := before.origins[n.Name]
		if _, stays := j.origins[n.Name]; !stays && origin != "" {
			a.tell("node_gone", n.Name, noLongerFound(origin))
		}
	}
	for _, n := range a.pool.Nodes() {
		if origin := cmp.Or(before.origins[n.Name], before.departed[n.Name]); n.Removed && origin != "" {
			j.departed[n.Name] = origin
		}
	}
	if now := strings.Join(j.leftOut, "; "); now != "" && now != strings.Join(before.leftOut, "; ") {
		a.log.Warn("nodes found that cannot be taken", zap.String("reason", now))
	}
	a.joined.Store(&j)
}

func noLongerFound(origin string) string { return "no longer found by " + origin }

// showOrigin adds where a node was found to what the API shows.
func (a *App) showOrigin(v *admin.Node) {
	j := a.joined.Load()
	v.Discovered = cmp.Or(j.origins[v.Name], j.departed[v.Name])
	if origin := j.departed[v.Name]; origin != "" && v.Moves != nil {
		v.Reason = noLongerFound(origin)
	}
}
