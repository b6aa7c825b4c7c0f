package balancer

// Panicking is whether so many nodes are down at once that their checks are
// not believed: more likely the checks are wrong, or all nodes are as bad as
// each other, than that the few others should have everybody. Clients are then
// sent to nodes that are down too, where a dial that fails costs them little.
func (p *Pool) Panicking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.panicking
}

// SetPanicThreshold makes the checks lose belief when more than so many
// percent of the nodes are down, those apart that are draining; 0: never.
func (p *Pool) SetPanicThreshold(percent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.panicThreshold = percent
	p.judge()
}

// judge decides whether the checks are believed. It is called after whatever
// changes that. mu is held.
func (p *Pool) judge() {
	nodes, down := 0, 0
	for _, n := range p.nodes {
		if n.drain != nil || n.removed {
			continue
		}
		nodes++
		if !n.up {
			down++
		}
	}
	p.panicking = p.panicThreshold > 0 && 100*down > p.panicThreshold*nodes
}
