package balancer

import (
	"cmp"
	"math"
	"net/netip"
)

// Key is what is known of a client that needs a node.
type Key struct {
	// IP is the client's address, hashed as far as IPOptions say.
	IP netip.Addr
	// Pins are the values of the client's cookie, unchecked. Browsers send
	// several where paths or domains overlap; the first that is ours counts.
	Pins []string
	// Tried are nodes that have failed for this client just now.
	Tried []*Node
}

// Reason says why a client got its node; it is a label of the metrics.
type Reason string

// Reasons of a pick. All but the first two say why the node that the client would
// have got, by its cookie or by its hash, was passed over.
const (
	ReasonCookie   Reason = "cookie"       // its cookie names the node
	ReasonHash     Reason = "hash"         // the hash of its address does
	ReasonLoad     Reason = "bounded_load" // the hash's node is above the bound
	ReasonFull     Reason = "full"
	ReasonDown     Reason = "down"
	ReasonDraining Reason = "draining"
	ReasonRetry    Reason = "retry"     // it failed this client's handshake
	ReasonAvoided  Reason = "avoided"   // it is still to be drained in a roll
	ReasonShed     Reason = "rebalance" // it has too many clients
)

// Pick is the node chosen for a client.
type Pick struct {
	Node   *Node
	Reason Reason
	// Preferred is the node that the client's cookie or hash names; Reason
	// says why it is not Node, where it is not.
	Preferred *Node
	// Pinned is whether a cookie named Preferred.
	Pinned bool

	holder *Pool // where it is counted; nil: nowhere
}

// pick chooses a node, and another one where that is to shed clients, which is
// relieved then. It returns false when no node can take the client.
func (p *Pool) pick(key Key) (pick Pick, relieved *Node, ok bool) {
	pick, ok = p.choose(key)
	if !ok || len(key.Tried) > 0 {
		return pick, nil, ok
	}
	if n := p.reliefOf(pick.Node); n != nil {
		relieved, pick.Node, pick.Reason = pick.Node, n, ReasonShed
	}
	return pick, relieved, true
}

// choose chooses a node: the one that the client's cookie names, else the best
// one by the hash of its address; one that is down only as the last resort. It
// returns false, and only what is preferred, when no node can take the client.
func (p *Pool) choose(key Key) (Pick, bool) {
	pinned := p.pinned(key.Pins)
	if pinned != nil && p.obstacle(pinned, key.Tried, ifUp) == "" {
		return Pick{Node: pinned, Preferred: pinned, Pinned: true, Reason: ReasonCookie}, true
	}
	p.ranking = p.rank(p.ranking[:0], key, ifUp)
	best := p.ranking.best()
	if best == nil {
		p.ranking = p.rank(p.ranking[:0], key, lastResort)
		best = p.ranking.best()
	}
	first := p.ranking.first()
	switch {
	case best == nil && first == nil:
		return Pick{}, false
	case best == nil:
		return Pick{Preferred: cmp.Or(pinned, first.node)}, false
	case pinned != nil:
		return Pick{Node: best.node, Preferred: pinned, Pinned: true, Reason: p.obstacle(pinned, key.Tried, ifUp)}, true
	case best == first:
		return Pick{Node: best.node, Preferred: best.node, Reason: ReasonHash}, true
	}
	reason := p.obstacle(first.node, key.Tried, ifUp) // a node that is down is that, as a last resort, too
	return Pick{Node: best.node, Preferred: first.node, Reason: cmp.Or(reason, first.reason)}, true
}

// score makes weights exact: with u uniform in (0, 1), a node of weight w has
// the highest -w/ln(u) with a probability of w over the sum of all weights.
func score(hash uint64, weight int) float64 {
	u := (float64(hash>>12) + 0.5) / (1 << 52) // neither 0 nor, by rounding, 1
	return -float64(weight) / math.Log(u)
}

// appendNetwork appends the part of an address that counts: all of an IPv4
// address and the first 64 bits of an IPv6 one, unless the configuration says
// otherwise. The zero Addr, a client without an address, has none.
func (p *Pool) appendNetwork(buf []byte, ip netip.Addr) []byte {
	buf, _ = p.network(ip).Addr().AppendBinary(buf) // never fails
	return buf
}

// network is the part of an address that counts. mu is held.
func (p *Pool) network(ip netip.Addr) netip.Prefix { return p.sticky.IP.Network(ip) }
