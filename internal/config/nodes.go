package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/internal/discover"
)

// Node is one entry of the list of nodes: a node, or where nodes are found. Of
// the latter each has the entry's weight and cap, and a name that begins with
// the entry's.
type Node struct {
	balancer.NodeOptions
	discover.Source
}

// SetDefaults fills what an entry does not say.
func (n *Node) SetDefaults() {
	n.NodeOptions.SetDefaults()
	n.Source.SetDefaults()
}

// Finds is whether the entry says where nodes are found.
func (n Node) Finds() bool { return n.Kind != "" }

// Fixed makes an entry of each node.
func Fixed(nodes ...balancer.NodeOptions) (entries []Node) {
	for _, o := range nodes {
		entries = append(entries, Node{NodeOptions: o})
	}
	return entries
}

// Discovers is whether some nodes are found, and not in the configuration.
func (c *Config) Discovers() bool { return slices.ContainsFunc(c.Nodes, Node.Finds) }

// mostNodes is how many nodes there can be.
func (c *Config) mostNodes() int {
	if c.Discovers() {
		return most
	}
	return len(c.Nodes)
}

// nodeName is no option of a command, and no step in a path.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$`)

// IsNodeName is whether a node can have that name.
func IsNodeName(name string) bool { return nodeName.MatchString(name) }

func (r *report) validateNodes(nodes []Node) {
	r.want(len(nodes) > 0, "nodes", "got no nodes, want at least one")
	names, urls, sources := map[string]string{}, map[string]string{}, map[string]string{}
	for i, node := range nodes {
		path := fmt.Sprintf("nodes[%d]", i)
		r.want(IsNodeName(node.Name), path+".name", "got %q, want 1 to 63 letters, digits or . _ -, the first no . or -", node.Name)
		r.unique(names, path+".name", node.Name)
		r.wantPort(path+".url", node.URL.Host, 1)
		r.unique(urls, path+".url", node.URL.Host)
		r.between(path+".weight", node.Weight, 1, balancer.MaxWeight)
		if !node.Finds() && !r.isWrong(path+".discover") {
			r.want(node.URL.Host != "", path+".url", "got nothing, want http://HOST:PORT")
			r.unused(path, "got it without discover, want discover: dns beside it", "host", "port", "every")
			continue
		}
		r.validateSource(path, node)
		r.unique(sources, path+".host", net.JoinHostPort(strings.TrimSuffix(node.Host, "."), strconv.Itoa(node.Port)))
	}
}

// unused adds the mistake for each of the keys that is given there.
func (r *report) unused(path, mistake string, keys ...string) {
	for _, key := range keys {
		_, given := r.lines[path+"."+key]
		r.want(!given, path+"."+key, "%s", mistake)
	}
}

func (r *report) validateSource(path string, n Node) {
	r.want(len(n.Name) <= discover.MostName, path+".name", "got %d characters, want %d at most, since each node's address follows", len(n.Name), discover.MostName)
	r.unused(path, "got it beside discover, want one of them", "url")
	r.oneOf(path+".discover", n.Kind, discover.DNS)
	r.within(path+".every", n.Every, time.Second, time.Hour)
	r.validateName(path, n.Source)
}

// hostName is a name that DNS may have, with the underscores of SRV records.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$`)

func (r *report) validateName(path string, s discover.Source) {
	_, err := netip.ParseAddr(s.Host)
	r.want(err != nil, path+".host", "got the address %s, want a name, or url: http://%s:PORT instead of discover", s.Host, s.Host)
	r.want(len(s.Host) <= 253 && hostName.MatchString(s.Host), path+".host", "got %.300q, want a name such as reverb.default.svc", s.Host)
	r.between(path+".port", s.Port, 1, 65535)
}
