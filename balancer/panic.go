package balancer

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

// SetPanicThreshold makes the checks lose belief when more than so many
// percent of the nodes fail them, those apart that are draining; 0: never.
func (p *Pool) SetPanicThreshold(percent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.panicThreshold = percent
	p.judge()
}

// SetRefused notes whether nobody listens at a node. A name that the pool does
// not know is ignored.
func (p *Pool) SetRefused(name string, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := find(p.nodes, name); n != nil {
		n.refused = refused
		p.judge()
	}
}

// judge decides whether the checks are believed. It is called after whatever
// changes that. mu is held.
func (p *Pool) judge() {
	nodes, down := 0, 0
	for _, n := range p.nodes {
		if n.drain != nil || n.removed || n.refused {
			continue
		}
		nodes++
		if !n.up {
			down++
		}
	}
	p.panicking = p.panicThreshold > 0 && 100*down > p.panicThreshold*nodes
}

// desperately is the hash over nodes that are down too. mu is held.
func (p *Pool) desperately(key Key) (first, best *Node) {
	p.desperate = true
	defer func() { p.desperate = false }()
	return p.hash(key)
}
