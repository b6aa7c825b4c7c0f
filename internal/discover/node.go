package discover

import (
	"cmp"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"fermata/balancer"
)

// Node is one that was found.
type Node struct {
	Name string
	URL  balancer.URL
	// Weight is the node's own; 0: its entry's.
	Weight int
	// MaxConnections is the node's own, if Capped; else its entry's counts.
	MaxConnections balancer.Cap
	Capped         bool
}

// Options are the node's, with what it does not have itself from its entry.
func (n Node) Options(entry balancer.NodeOptions) balancer.NodeOptions {
	o := balancer.NodeOptions{Name: n.Name, URL: n.URL, Weight: entry.Weight, MaxConnections: entry.MaxConnections}
	if n.Weight > 0 {
		o.Weight = n.Weight
	}
	if n.Capped {
		o.MaxConnections = n.MaxConnections
	}
	return o
}

// MostName is the longest name of an entry that leaves room for any address.
const MostName = 24

// mostNodeName is the longest name of a node.
const mostNodeName = 63

// atAddress is the name of the node at an address, which is the same on every
// Fermata: reverb-10.0.1.10, or reverb-fd00--1a. A port other than 0 follows.
func atAddress(entry string, address netip.Addr, port uint16) string {
	suffix := ""
	if port != 0 {
		suffix = "-" + strconv.Itoa(int(port))
	}
	name := entry + "-" + strings.ReplaceAll(address.String(), ":", "-") + suffix
	if len(name) <= mostNodeName {
		return name
	}
	bytes := address.As16()
	return entry + "-" + hex.EncodeToString(bytes[:]) + suffix
}

// AtURL is the name of the node at a URL: reverb-10.0.1.10-8080, or, with a name
// there, reverb-host-8080. It may be too long for a name.
func AtURL(entry string, u balancer.URL) string {
	if at, literal := u.Literal(); literal {
		return atAddress(entry, at.Addr().Unmap(), at.Port())
	}
	return entry + "-" + strings.ReplaceAll(strings.ToLower(u.Host), ":", "-")
}

// order puts nodes with a name for their host first, and then goes by address.
func order(a, b Node) int {
	here, _ := a.URL.Literal()
	there, _ := b.URL.Literal()
	return cmp.Or(here.Compare(there), cmp.Compare(a.Name, b.Name))
}
