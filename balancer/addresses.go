package balancer

import (
	"crypto/tls"
	"net/netip"
	"slices"
)

// Addresses are where a node is to be dialled now, the best one first; none for
// a name that has not been found so far. The caller must not change them.
func (p *Pool) Addresses(n *Node) []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.addresses
}

// Secure is how TLS is spoken to a node now; nil: it is not.
func (p *Pool) Secure(n *Node) *tls.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.options.Secure
}

// SetAddresses sets where the node of that name is to be dialled. It is ignored
// unless the node is, by its URL, at host, HOST:PORT: that can just have changed.
func (p *Pool) SetAddresses(name, host string, addresses []netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := find(p.nodes, name); n != nil && n.options.URL.Host == host {
		n.addresses = addresses
	}
}

// Prefer makes an address that took a connection the first of its node's.
func (p *Pool) Prefer(n *Node, address netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(n.addresses, address)
	if at <= 0 {
		return
	}
	n.addresses = append([]netip.AddrPort{address}, slices.Delete(slices.Clone(n.addresses), at, at+1)...)
}
