package balancer

import (
	"math"
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"
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
	if !ok || pick.Node.shed == 0 || len(key.Tried) > 0 {
		return pick, nil, ok
	}
	if n := p.emptier(pick.Node); n != nil {
		relieved, pick.Node, pick.Reason = pick.Node, n, ReasonShed
	}
	return pick, relieved, true
}

// choose chooses a node: the one that the client's cookie names, else the best
// one by the hash of its address. It returns false when no node can take the
// client.
func (p *Pool) choose(key Key) (Pick, bool) {
	pinned := p.pinned(key.Pins)
	if pinned != nil && p.obstacle(pinned, key.Tried) == "" {
		return Pick{Node: pinned, Preferred: pinned, Pinned: true, Reason: ReasonCookie}, true
	}
	first, best := p.hash(key)
	if best == nil {
		first, best = p.desperately(key)
	}
	switch {
	case best == nil:
		return Pick{}, false
	case pinned != nil:
		return Pick{Node: best, Preferred: pinned, Pinned: true, Reason: p.obstacle(pinned, key.Tried)}, true
	case best == first:
		return Pick{Node: best, Preferred: first, Reason: ReasonHash}, true
	}
	reason := p.obstacle(first, key.Tried)
	switch {
	case reason != "":
	case first.avoided && !best.avoided:
		reason = ReasonAvoided
	default:
		reason = ReasonLoad
	}
	return Pick{Node: best, Preferred: first, Reason: reason}, true
}

// obstacle says why n cannot take a client, or "".
func (p *Pool) obstacle(n *Node, tried []*Node) Reason {
	switch {
	case slices.Contains(tried, n):
		return ReasonRetry
	case !n.up && (!p.desperate || p.hopeless(n)):
		return ReasonDown
	case n.drain != nil, n.removed:
		return ReasonDraining
	case n.full():
		return ReasonFull
	}
	return ""
}

// hash ranks the nodes for an address by weighted rendezvous hashing: each
// draws a score from the hash of address and name, so that taking one of them
// away moves only its own clients. It returns the first of all, and the best
// of those that can take the client: one below the bound, or else any. Avoided
// nodes are out of it while there is another.
func (p *Pool) hash(key Key) (first, best *Node) {
	var firstScore, bestScore, spareScore float64
	var spare *Node
	avoiding := p.avoiding(key.Tried)
	clients, weights := p.load(avoiding)
	buf := p.appendNetwork(make([]byte, 0, 128), key.IP)
	network := len(buf)
	for _, n := range p.nodes {
		if n.removed {
			continue
		}
		buf = append(buf[:network], n.name...)
		s := score(xxhash.Sum64(buf), n.options.Weight)
		if s > firstScore {
			first, firstScore = n, s
		}
		switch {
		case p.obstacle(n, key.Tried) != "", avoiding && n.avoided:
		case p.overloaded(n, clients, weights):
			if s > spareScore {
				spare, spareScore = n, s
			}
		case s > bestScore:
			best, bestScore = n, s
		}
	}
	if best == nil {
		best = spare
	}
	return first, best
}

// avoiding is whether a node that is not avoided can take the client.
func (p *Pool) avoiding(tried []*Node) bool {
	return slices.ContainsFunc(p.nodes, func(n *Node) bool { return !n.avoided && p.obstacle(n, tried) == "" })
}

// load is how many clients the usable nodes have, and what they weigh; without
// the avoided ones where these are out of it.
func (p *Pool) load(avoiding bool) (clients int, weights float64) {
	for _, n := range p.nodes {
		if p.obstacle(n, nil) == "" && !(avoiding && n.avoided) {
			clients += n.connections
			weights += float64(n.options.Weight)
		}
	}
	return clients, weights
}

// overloaded applies the bound of "Consistent Hashing with Bounded Loads"
// (Mirrokni, Thorup, Zadimoghaddam): with one client more, no usable node may
// hold more than its weight's share times the bound, rounded up.
func (p *Pool) overloaded(n *Node, clients int, weights float64) bool {
	return p.sticky.BoundedLoad > 0 && float64(n.connections+1) > p.bound(n, clients, weights)
}

// bound is how many clients the node may have for one without a pin to get it.
func (p *Pool) bound(n *Node, clients int, weights float64) float64 {
	return math.Ceil(p.sticky.BoundedLoad * float64(clients+1) * float64(n.options.Weight) / weights)
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
	return append(buf, p.network(ip).Addr().AsSlice()...)
}

// network is the part of an address that counts. mu is held.
func (p *Pool) network(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap()
	bits := p.sticky.IP.IPv6Prefix
	if ip.Is4() {
		bits = p.sticky.IP.IPv4Prefix
	}
	network, _ := ip.Prefix(bits) // drops the zone; bits are in range, the configuration is checked
	return network
}
