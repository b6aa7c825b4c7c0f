package balancer

import (
	"net/netip"
	"time"
)

// Node is one Reverb server as the pool knows it. Its identity lasts over
// reloads for as long as its name does. All fields are guarded by the pool's
// mutex, except name, which never changes.
type Node struct {
	name string

	options     NodeOptions
	addresses   []netip.AddrPort // where to dial it, the best one first; never changed, only replaced
	pin         string           // the cookie value to give out
	up          bool
	gone        bool // nobody listens there
	restarts    bool // nobody did, and it has passed its checks since, but is not up yet
	reason      string
	fault       string        // why it is down, in one word
	loop        time.Duration // its answer to the last check took; 0: there was none
	checked     time.Time     // when the last check that passed began; zero: none has
	failing     time.Time     // since when it has passed none; zero: the last one passed
	down        time.Time     // since when it is
	lost        bool          // its clients are to go because of its checks
	unsettled   bool          // lost has changed, and nobody has asked yet
	drain       *Drain        // nil: ready
	removed     bool          // no longer configured, kept until its clients are gone
	avoided     bool          // still to be drained: only for clients that can go nowhere else
	shed        int           // clients that are to go elsewhere when they come
	connections int
	elsewhere   int  // clients that the peers have there
	shared      bool // max_connections is shared with the peers
	quota       int  // this Fermata's part of it, when it is
	missed      int  // clients that would have come here, had it not been full, ever

	requests int     // plain ones that it has now
	allowed  float64 // how many of those it may have; 0: it has answered none
	cuts     int     // how often that was halved
}

// Name is the node's name. It may be called concurrently.
func (n *Node) Name() string { return n.name }

// configure keeps the addresses of a name that stays.
func (n *Node) configure(o NodeOptions) {
	if literal, ok := o.URL.Literal(); ok {
		n.addresses = []netip.AddrPort{literal}
	} else if n.options.URL.Host != o.URL.Host {
		n.addresses = nil
	}
	n.options = o
}

func (n *Node) full() bool {
	if n.options.MaxConnections == 0 {
		return false
	}
	return n.connections+n.requests >= n.most()
}

// serves is whether the node takes clients, or would if it were not full.
func (n *Node) serves() bool { return n.up && n.drain == nil && !n.removed }

// passes is whether the last check passed.
func (n *Node) passes() bool { return n.failing.IsZero() && !n.checked.IsZero() }

// Drain is what a node's drain was asked to do.
type Drain struct {
	Started   time.Time
	Begin     time.Time // nobody is moved before
	Deadline  time.Time // everybody is gone by then
	Rate      int       // clients per second, 0: all at once
	CloseCode int
	Initial   int  // clients when it started
	Force     bool // whatever that does to the other nodes
	Close     bool // clients that could be moved without that, too
	// MinUsable is how many usable nodes must be left; less than 1 counts as 1.
	MinUsable int `json:"-"`
}

// NotChecked is Status.Reason of a node before its first check.
const NotChecked = "not checked yet"

// Status is a node at one moment.
type Status struct {
	Node           *Node
	Name           string
	URL            URL
	Weight         int
	MaxConnections int // 0: no cap
	Up             bool
	Reason         string        // of being up or down
	Fault          string        // of being down, in one word of a few; empty while it is up
	Lost           bool          // it is down, and its clients are to go
	Loop           time.Duration // how long it took to answer its last check; 0: it did not, or was asked nothing
	Checked        time.Time     // when the last check that passed began; zero: none has
	Drain          *Drain        // nil: ready
	Removed        bool          // no longer configured
	Avoided        bool          // still to be drained in a roll
	Shed           int           // clients that are to go elsewhere when they come
	Connections    int
	Requests       int // plain ones that it has now
	Missed         int // clients that would have come here, had it not been full, ever
	Quota          int // what this Fermata may have of MaxConnections: all, where it shares the node with nobody
}

func (n *Node) status() Status {
	s := Status{
		Node:           n,
		Name:           n.name,
		URL:            n.options.URL,
		Weight:         n.options.Weight,
		MaxConnections: int(n.options.MaxConnections),
		Up:             n.up,
		Reason:         n.reason,
		Lost:           n.lost,
		Loop:           n.loop,
		Checked:        n.checked,
		Removed:        n.removed,
		Avoided:        n.avoided,
		Shed:           n.shed,
		Connections:    n.connections,
		Requests:       n.requests,
		Missed:         n.missed,
		Quota:          n.most(),
	}
	if !n.up {
		s.Fault = n.fault
	}
	if n.drain != nil {
		drain := *n.drain
		s.Drain = &drain
	}
	return s
}
