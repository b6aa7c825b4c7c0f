package balancer

// SetQuota is how many of a node's clients, plain requests with them, this Fermata
// may have where it shares the node's max_connections with others. A node has no
// fewer than it has now; what the quota has become is returned. A node without
// max_connections has none, and an unknown one neither.
func (p *Pool) SetQuota(name string, clients int) (set int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := find(p.nodes, name)
	if n == nil {
		return 0
	}
	n.quota, n.shared = max(clients, n.connections+n.requests), true
	return n.quota
}

// most is how many clients and plain requests the node may have from this Fermata;
// 0: any number.
func (n *Node) most() int {
	most := int(n.options.MaxConnections)
	if most > 0 && n.shared {
		return min(most, n.quota)
	}
	return most
}
