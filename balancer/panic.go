package balancer

import "time"

// Panicking is whether so many nodes fail their checks at once that the checks
// are not believed: more likely they are wrong, or all nodes are as bad as each
// other, than that the few others should have everybody. Nobody is moved then
// because of a check, and clients that no node which is up can take go to one
// that is down. Nodes where nobody listens do not count: about that no check
// is wrong.
func (p *Pool) Panicking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.panicking
}

// SetPanic makes the checks lose belief when more than so many percent of the
// nodes fail them, those apart that are draining; 0: never. While it is open
// whether they will, the clients of a node that is down stay there, for so long
// at the most; some check must end after that.
func (p *Pool) SetPanic(threshold int, patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.panicThreshold, p.patience = threshold, patience
	p.judge()
}

// judge decides whether the checks are believed, and from which nodes the
// clients go because of them. It is called after whatever changes that. mu is
// held.
func (p *Pool) judge() {
	p.panicking = p.tooMany(func(n *Node) bool { return !n.up })
	for _, n := range p.nodes {
		lost := !n.up && !p.panicking && (n.lost || n.gone || !n.passes() && p.alone(n))
		if lost != n.lost {
			n.lost, n.unsettled = lost, true
		}
	}
}

// tooMany is whether so many nodes fail that the checks are not believed. Where
// there are peers, all checks of all of them count: one that alone cannot reach the
// nodes believes its own, and has no usable node then, so that whatever stands
// before it sends clients to the others. mu is held.
func (p *Pool) tooMany(fails func(*Node) bool) bool {
	nodes, failing := 0, 0
	for _, n := range p.nodes {
		if n.drain != nil || n.removed || n.gone || n.restarts {
			continue
		}
		checks, down := p.failingAt(n)
		nodes, failing = nodes+1+checks, failing+down
		if fails(n) {
			failing++
		}
	}
	return p.panicThreshold > 0 && 100*failing > p.panicThreshold*nodes
}

// alone is whether it is clear that n, which is down, does not fail together
// with too many others. Checks that all fail from one moment on find that out
// one after the other; so a node that has not passed one since n began to fail
// may be failing, too. mu is held.
func (p *Pool) alone(n *Node) bool {
	if p.now.Sub(n.down) >= p.patience {
		return true
	}
	return !p.tooMany(func(other *Node) bool {
		return !other.up || !other.failing.IsZero() || other.checked.Before(n.failing)
	})
}

// hopeless is whether a node that is down gets no client even if no other node
// can take one: nobody listens there, or it fails its checks and these are
// believed.
func (p *Pool) hopeless(n *Node) bool {
	return n.gone || !p.panicking && !n.passes()
}
