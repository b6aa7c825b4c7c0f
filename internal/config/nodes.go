package config

import (
	"regexp"
	"slices"
	"strings"

	"fermata/balancer"
	"fermata/internal/discover"
	"fermata/internal/nodetls"
)

// Node is one entry of the list of nodes: a node, or where nodes are found. Of
// the latter each has the entry's weight and cap, and a name that begins with
// the entry's.
type Node struct {
	balancer.NodeOptions
	discover.Source
	// TLS is for nodes at https://…; nil: they have what the zero Options mean.
	TLS *nodetls.Options `yaml:"tls"`

	// Trust is what the files of TLS hold. No key gives it: they are read.
	Trust *nodetls.Trust `yaml:"-"`
}

// SetDefaults fills what an entry does not say.
func (n *Node) SetDefaults() {
	n.NodeOptions.SetDefaults()
	n.Source.SetDefaults()
}

// Finds is whether the entry says where nodes are found.
func (n Node) Finds() bool { return n.Kind != "" }

// HostOf is the name that is expected of the certificate of a node of this entry, at
// that URL, unless TLS has another: by DNS the name that was looked up.
func (n Node) HostOf(u balancer.URL) string {
	if n.Kind == discover.DNS {
		return strings.TrimSuffix(n.Source.Host, ".")
	}
	return u.Hostname()
}

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
