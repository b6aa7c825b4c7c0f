// Package discover finds nodes that come and go: at the addresses of a name in
// DNS, or in a file. Table decides what an answer means for the nodes that are
// known; it does no I/O and reads no clock. Finder asks again and again.
package discover

import (
	"strings"
	"time"
)

// Source is where the nodes of one entry are found. The zero value is nowhere:
// then the entry is a node itself.
type Source struct {
	// Kind is DNS or File; empty: the zero Source.
	Kind string `yaml:"discover"`
	// Host is the name that is looked up, with DNS.
	Host string `yaml:"host"`
	// Port is that of all nodes of a name; 0: each SRV record has its node's.
	Port int `yaml:"port"`
	// SRV has SRV records looked up instead of addresses; see Records.
	SRV bool `yaml:"srv"`
	// Scheme is how the nodes that DNS has are spoken to: http or https.
	Scheme string `yaml:"scheme"`
	// File is the path of the file, with File.
	File string `yaml:"file"`
	// Every is the time from one look to the next, about.
	Every time.Duration `yaml:"every"`
}

// What Source.Kind can be.
const (
	DNS  = "dns"
	File = "file"
)

// SetDefaults fills what an entry does not say.
func (s *Source) SetDefaults() { s.Every, s.Scheme = 5*time.Second, "http" }

// TLS is whether nodes that are found by DNS speak TLS.
func (s Source) TLS() bool { return s.Scheme == "https" }

// Records is whether SRV records are looked up, rather than addresses: when SRV
// says so, and when Host is _SERVICE._PROTO.NAME, which no machine is called.
func (s Source) Records() bool { return s.SRV || strings.HasPrefix(s.Host, "_") }

// String says where nodes are found, for people: "dns reverb.default.svc".
func (s Source) String() string {
	switch {
	case s.Kind == File:
		return "file " + s.File
	case s.Records():
		return "dns SRV " + s.Host
	}
	return "dns " + s.Host
}
