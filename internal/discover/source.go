// Package discover finds nodes that come and go: at the addresses of a name in
// DNS. Table decides what an answer means for the nodes that are
// known; it does no I/O and reads no clock. Finder asks again and again.
package discover

import "time"

// Source is where the nodes of one entry are found. The zero value is nowhere:
// then the entry is a node itself.
type Source struct {
	// Kind is DNS; empty: the zero Source.
	Kind string `yaml:"discover"`
	// Host is the name that is looked up, with DNS.
	Host string `yaml:"host"`
	// Port is that of all nodes of a name.
	Port int `yaml:"port"`
	// Every is the time from one look to the next, about.
	Every time.Duration `yaml:"every"`
}

// DNS is the Source.Kind of nodes at the addresses of a name.
const DNS = "dns"

// SetDefaults fills what an entry does not say.
func (s *Source) SetDefaults() { s.Every = 5 * time.Second }

// String says where nodes are found, for people: "dns reverb.default.svc".
func (s Source) String() string { return s.Kind + " " + s.Host }
