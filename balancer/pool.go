// Package balancer is the pool: which nodes there are, which of them can take
// clients, how many each has, and which one a client gets.
//
// It is pure: a client's key goes in, a node and the reason come out. It does
// no I/O, starts no goroutine and reads no clock.
package balancer

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Errors that callers branch on.
var (
	ErrNoUsableNode = errors.New("no usable node")
	ErrUnknownNode  = errors.New("no such node")
	ErrLastNode     = errors.New("it is the last usable node")
	ErrTooFewNodes  = errors.New("too few usable nodes would be left")
	ErrNoRoom       = errors.New("the other nodes have no room")
)

// Pool is the set of nodes. Its methods may be called concurrently.
type Pool struct {
	mu     sync.Mutex
	nodes  []*Node // in the order of the configuration, removed ones behind
	sticky StickyOptions
	pins   map[string]*Node // by every accepted cookie value; none with by: ip
	turn   int              // where Next begins

	peers []Peer

	avoided []string // names of nodes, in the order in which they are to be drained

	ranking ranking // of the last pick, whose memory the next one uses; a node that is gone may be in it until then

	panicThreshold int           // percent; 0: never
	patience       time.Duration // how long clients of a node that is down stay, at most, until it is clear whether that will be exceeded
	now            time.Time     // when the last check ended
	panicking      bool
	told           bool // panicking, as Unsettled has last told of it
}

// New returns a pool of these nodes, all of them up until a check says
// otherwise.
func New(nodes []NodeOptions, sticky StickyOptions) *Pool {
	p := &Pool{}
	p.Replace(nodes, sticky)
	return p
}

// Replace swaps the configuration. Nodes that keep their name keep their
// clients, health and drain; a node that is gone from the list takes no new
// clients and disappears with its last one.
func (p *Pool) Replace(nodes []NodeOptions, sticky StickyOptions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.nodes
	for _, n := range old {
		n.removed, n.pin = true, ""
	}
	p.sticky, p.nodes, p.pins = sticky, nil, make(map[string]*Node)
	for _, o := range nodes {
		n := find(old, o.Name)
		if n == nil {
			n = &Node{name: o.Name, up: true, reason: NotChecked}
		}
		n.configure(o)
		n.removed = false
		p.nodes = append(p.nodes, n)
		p.accept(n)
	}
	for _, n := range old {
		if n.removed && n.connections > 0 {
			p.nodes = append(p.nodes, n)
		}
	}
	p.markAvoided()
	p.countElsewhere()
	p.judge()
}

// Acquire picks a node for a client and counts the client there, until the
// pick is released. The error is ErrNoUsableNode.
func (p *Pool) Acquire(key Key) (Pick, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pick, relieved, ok := p.pick(key)
	if n := pick.Preferred; n != nil && len(key.Tried) == 0 && n.serves() && n.full() {
		n.missed++
	}
	if !ok {
		return Pick{}, ErrNoUsableNode
	}
	pick.holder = p
	pick.Node.connections++
	if relieved != nil {
		relieved.shed--
	}
	return pick, nil
}

// Release gives back the place that Acquire has counted. A second call does
// nothing, nor does that of a pick which holds none. It must not be called
// concurrently.
func (p *Pick) Release() {
	if p.holder != nil {
		p.holder.release(p.Node)
		p.holder = nil
	}
}

func (p *Pool) release(n *Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.connections--
	if n.removed && n.connections == 0 {
		p.nodes = slices.DeleteFunc(p.nodes, func(other *Node) bool { return other == n })
	}
}

// Explain picks as Acquire does, but takes no place.
func (p *Pool) Explain(key Key) (Pick, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pick, _, ok := p.pick(key)
	if !ok {
		return pick, ErrNoUsableNode
	}
	return pick, nil
}

// Pin is the cookie value that pins a client to a node; empty when clients
// are not pinned by cookie, and when the node has been removed.
func (p *Pool) Pin(n *Node) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.pin
}

// Cookie are the attributes of the pin's cookie.
func (p *Pool) Cookie() CookieOptions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sticky.Cookie
}

// CanMove is whether a client of n could go to another node.
func (p *Pool) CanMove(n *Node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.usableBeside(n) > 0
}

// UsableBeside are the nodes that a client of n could go to.
func (p *Pool) UsableBeside(n *Node) (others []*Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.nodes {
		if other != n && p.obstacle(other, nil, ifUp) == "" {
			others = append(others, other)
		}
	}
	return others
}

func (p *Pool) usableBeside(n *Node) (count int) {
	for _, other := range p.nodes {
		if other != n && p.obstacle(other, nil, ifUp) == "" {
			count++
		}
	}
	return count
}

// Usable is whether any node can take a client.
func (p *Pool) Usable() bool { return p.CanMove(nil) }

// UsableIfNotFull is whether any node could take a client if it had room.
func (p *Pool) UsableIfNotFull() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.nodes, func(n *Node) bool {
		why := p.obstacle(n, nil, ifUp)
		return why == "" || why == ReasonFull
	})
}

// Nodes returns every node's status, in the order of the configuration.
func (p *Pool) Nodes() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Status, len(p.nodes))
	for i, n := range p.nodes {
		all[i] = n.status()
	}
	return all
}

// Node returns one node's status. The error is ErrUnknownNode.
func (p *Pool) Node(name string) (Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := find(p.nodes, name)
	if n == nil {
		return Status{}, fmt.Errorf("node %q: %w", name, ErrUnknownNode)
	}
	return n.status(), nil
}

// Status returns a node's status, after it has left the pool too.
func (p *Pool) Status(n *Node) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.status()
}

// Avoid says which nodes are still to be drained in a roll, and that the
// others are not: an avoided node keeps the clients whose cookie names it, and
// gets others only where no other node can take them. It holds over Replace.
// Unknown names are kept, and mean nothing.
func (p *Pool) Avoid(names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.avoided = slices.Clone(names)
	p.markAvoided()
}

// markAvoided is called when the names or the nodes have changed. mu is held.
func (p *Pool) markAvoided() {
	for _, n := range p.nodes {
		n.avoided = slices.Contains(p.avoided, n.name)
	}
}

// Avoided are the names that Avoid was last called with.
func (p *Pool) Avoided() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.avoided)
}

// Drain takes a node out of new clients' reach. A node that is draining
// already gets the new settings and keeps Started and Initial. The error is
// ErrUnknownNode or, unless it is forced, ErrLastNode, ErrTooFewNodes or
// ErrNoRoom.
func (p *Pool) Drain(name string, d Drain) (Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.drainable(name, d)
	if err != nil {
		return Status{}, err
	}
	if n.drain != nil {
		d.Started, d.Initial = n.drain.Started, n.drain.Initial
	} else if d.Initial == 0 {
		d.Initial = n.connections + n.elsewhere
	}
	n.drain = &d
	p.judge()
	return n.status(), nil
}

// drainable refuses what would leave the other nodes worse off than allowed. A
// node that takes no clients anyway can always be drained.
func (p *Pool) drainable(name string, d Drain) (*Node, error) {
	n := find(p.nodes, name)
	if n == nil {
		return nil, fmt.Errorf("node %q: %w", name, ErrUnknownNode)
	}
	switch {
	case d.Force, n.drain != nil, n.removed:
		return n, nil
	case !n.up:
		return n, p.spared(n, d)
	}
	left := p.usableBeside(n)
	_, homeless := p.forecast(n)
	switch {
	case left == 0:
		return nil, fmt.Errorf("drain node %q: %w", name, ErrLastNode)
	case left < d.MinUsable:
		return nil, fmt.Errorf("drain node %q: %w: %d, want at least %d", name, ErrTooFewNodes, left, d.MinUsable)
	case homeless > 0:
		return nil, fmt.Errorf("drain node %q: %w: %d too many for their max_connections", name, ErrNoRoom, homeless)
	}
	return n, p.spared(n, d)
}

// Undrain makes a node ready again; one that is ready stays so. The error is
// ErrUnknownNode.
func (p *Pool) Undrain(name string) (Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := find(p.nodes, name)
	if n == nil {
		return Status{}, fmt.Errorf("node %q: %w", name, ErrUnknownNode)
	}
	n.drain = nil
	p.judge()
	return n.status(), nil
}

func find(nodes []*Node, name string) *Node {
	for _, n := range nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}
