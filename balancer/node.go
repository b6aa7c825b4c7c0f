package balancer

import "time"

// Node is one Reverb server as the pool knows it. Its identity lasts over
// reloads for as long as its name does. All fields are guarded by the pool's
// mutex, except name, which never changes.
type Node struct {
	name string

	options     NodeOptions
	pin         string // the cookie value to give out
	up          bool
	reason      string
	drain       *Drain // nil: ready
	removed     bool   // no longer configured, kept until its clients are gone
	connections int
}

// Name is the node's name. It may be called concurrently.
func (n *Node) Name() string { return n.name }

func (n *Node) full() bool {
	return n.options.MaxConnections > 0 && n.connections >= n.options.MaxConnections
}

// Drain is what a node's drain was asked to do.
type Drain struct {
	Started   time.Time
	Begin     time.Time // nobody is moved before
	Deadline  time.Time // everybody is gone by then
	Rate      int       // clients per second, 0: all at once
	CloseCode int
	Initial   int  // clients when it started
	Force     bool // also with no other usable node
}

// Status is a node at one moment.
type Status struct {
	Node           *Node
	Name           string
	Address        string // HOST:PORT
	Weight         int
	MaxConnections int // 0: no cap
	Up             bool
	Reason         string // of being up or down
	Drain          *Drain // nil: ready
	Removed        bool   // no longer configured
	Connections    int
}

func (n *Node) status() Status {
	s := Status{
		Node:           n,
		Name:           n.name,
		Address:        n.options.URL.Host,
		Weight:         n.options.Weight,
		MaxConnections: n.options.MaxConnections,
		Up:             n.up,
		Reason:         n.reason,
		Removed:        n.removed,
		Connections:    n.connections,
	}
	if n.drain != nil {
		drain := *n.drain
		s.Drain = &drain
	}
	return s
}
