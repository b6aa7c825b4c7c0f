package balancer

import "fmt"

// Adopt counts a client at the node that it has already, until the pick is released:
// also at one that is full, draining, down or removed. The node must have that name
// and URL. Preferred is the node that Pick.Preferred was; the node itself if there is
// none of that name any more. The error is ErrUnknownNode.
func (p *Pool) Adopt(name string, url URL, preferred string) (Pick, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := find(p.nodes, name)
	if n == nil || n.options.URL != url {
		return Pick{}, fmt.Errorf("node %.64q at %.64q: %w", name, url, ErrUnknownNode)
	}
	n.connections++
	pick := Pick{Node: n, Preferred: n, holder: p}
	if first := find(p.nodes, preferred); first != nil {
		pick.Preferred = first
	}
	return pick, nil
}
