package balancer

import "fmt"

// Peer is another Fermata in front of the same nodes, as it was heard of last.
type Peer struct {
	Name  string
	Nodes map[string]PeerNode // by name, those that it knows
}

// PeerNode is one node as a peer has it.
type PeerNode struct {
	Connections int
	Up          bool
}

// SetPeers says what the other Fermatas have. Their clients count where a drain or
// a rebalance is planned, each of them must be left with enough usable nodes, and
// their checks count towards the panic threshold. It holds over Replace.
func (p *Pool) SetPeers(peers []Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peers = peers
	p.countElsewhere()
	p.judge()
}

// countElsewhere is called when the peers or the nodes have changed. mu is held.
func (p *Pool) countElsewhere() {
	for _, n := range p.nodes {
		n.elsewhere = 0
		for _, peer := range p.peers {
			n.elsewhere += peer.Nodes[n.name].Connections
		}
	}
}

// spared errors where a drain of n would leave a peer with fewer usable nodes than
// allowed. A peer that cannot use n loses nothing by it. mu is held.
func (p *Pool) spared(n *Node, d Drain) error {
	for _, peer := range p.peers {
		left, want := p.leftAt(peer, n), max(1, d.MinUsable)
		if peer.Nodes[n.name].Up && left < want {
			return fmt.Errorf("drain node %q: %w: %d on %s, want at least %d", n.name, ErrTooFewNodes, left, peer.Name, want)
		}
	}
	return nil
}

// leftAt is how many nodes beside n a peer can use.
func (p *Pool) leftAt(peer Peer, n *Node) (left int) {
	for _, other := range p.nodes {
		if other != n && other.drain == nil && !other.removed && peer.Nodes[other.name].Up {
			left++
		}
	}
	return left
}

// failingAt is how many peers check the node, and at how many of them it is down.
func (p *Pool) failingAt(n *Node) (checks, failing int) {
	for _, peer := range p.peers {
		there, known := peer.Nodes[n.name]
		if !known {
			continue
		}
		checks++
		if !there.Up {
			failing++
		}
	}
	return checks, failing
}
