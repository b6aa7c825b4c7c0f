package balancer

import "time"

// Check is what is known of a node after a check of it, or after a client has
// met it.
type Check struct {
	Up     bool      // the verdict
	Passed bool      // it was a check, and it passed
	Reason string    // of being up or down
	Fault  string    // of being down, in one word of a few
	Gone   bool      // nobody listens there, about which no check is wrong
	Began  time.Time // when the check did; Ended of what a client has met
	Ended  time.Time // when this was known
	// Loop is how long the node took to answer what the check asked; 0: it did
	// not, or was asked nothing.
	Loop time.Duration
}

// Change is what a check has changed.
type Change struct {
	Node *Node // nil: the pool does not know it, the check came too late
	// Up and Down say that the node has become that.
	Up, Down bool
	// Doubted says that the node has begun to fail, whether it is down by that
	// or not yet.
	Doubted bool
}

// SetCheck notes a check of a node, all of it at once, and judges what that
// means for the clients of all nodes: see Panicking and Unsettled. A name that
// the pool does not know is ignored: the check was for a node that has just been
// removed.
func (p *Pool) SetCheck(name string, c Check) Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := find(p.nodes, name)
	if n == nil {
		return Change{}
	}
	change := Change{
		Node: n, Up: c.Up && !n.up, Down: !c.Up && n.up,
		Doubted: n.up && !c.Passed && n.failing.IsZero(),
	}
	n.note(c)
	p.now = c.Ended
	p.judge()
	return change
}

// note is SetCheck's part that concerns the node alone.
func (n *Node) note(c Check) {
	if n.up && !c.Up {
		n.down = c.Ended
	}
	switch {
	case c.Passed:
		n.checked, n.failing = c.Began, time.Time{}
	case n.failing.IsZero():
		n.failing = c.Ended
	}
	if c.Ended.After(c.Began) {
		n.loop = c.Loop
	}
	n.up, n.reason, n.fault, n.gone = c.Up, c.Reason, c.Fault, c.Gone
	n.restarts = c.Gone || n.restarts && c.Passed && !c.Up
}

// Unsettled is what checks, drains and new configurations have changed for clients.
type Unsettled struct {
	// Nodes are those whose clients are to go because of their checks, Status.Lost,
	// or no longer.
	Nodes []Status
	// Panic and PanicOver say that Panicking has begun or ended.
	Panic, PanicOver bool
}

// Unsettled returns what has changed since it was last called, which is the caller's
// to settle and to tell.
func (p *Pool) Unsettled() (u Unsettled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.panicking != p.told {
		u.Panic, u.PanicOver = p.panicking, !p.panicking
		p.told = p.panicking
	}
	for _, n := range p.nodes {
		if n.unsettled {
			n.unsettled = false
			u.Nodes = append(u.Nodes, n.status())
		}
	}
	return u
}
