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

// Reasons of a pick. The last five say why the node that the client would
// have got, by its cookie or by its hash, was passed over.
const (
	ReasonCookie   Reason = "cookie"       // its cookie names the node
	ReasonHash     Reason = "hash"         // the hash of its address does
	ReasonLoad     Reason = "bounded_load" // the hash's node is above the bound
	ReasonFull     Reason = "full"
	ReasonDown     Reason = "down"
	ReasonDraining Reason = "draining"
	ReasonRetry    Reason = "retry" // it failed this client's handshake
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
}

// pick chooses a node: the one that the client's cookie names, else the best
// usable one by the weighted rendezvous hash of its address. It returns false
// when no node can take the client.
func (p *Pool) pick(key Key) (Pick, bool) {
	ranked := p.rank(key.IP)
	if len(ranked) == 0 {
		return Pick{}, false
	}
	pick := Pick{Node: ranked[0], Preferred: ranked[0], Reason: ReasonHash}
	if pinned := p.pinned(key.Pins); pinned != nil {
		pick = Pick{Node: pinned, Preferred: pinned, Reason: ReasonCookie, Pinned: true}
	}
	obstacle := p.obstacle(pick.Preferred, key.Tried)
	if obstacle == "" && !pick.Pinned && p.overloaded(pick.Preferred) {
		obstacle = ReasonLoad
	}
	if obstacle == "" {
		return pick, true
	}
	pick.Reason = obstacle
	pick.Node = p.next(ranked, key.Tried)
	return pick, pick.Node != nil
}

// next is the first of the ranked nodes that can take a client and is not
// overloaded, or else the first that can take it.
func (p *Pool) next(ranked, tried []*Node) *Node {
	var spare *Node
	for _, n := range ranked {
		if p.obstacle(n, tried) != "" {
			continue
		}
		if !p.overloaded(n) {
			return n
		}
		if spare == nil {
			spare = n
		}
	}
	return spare
}

// obstacle says why n cannot take a client, or "".
func (p *Pool) obstacle(n *Node, tried []*Node) Reason {
	switch {
	case slices.Contains(tried, n):
		return ReasonRetry
	case !n.up:
		return ReasonDown
	case n.drain != nil, n.removed:
		return ReasonDraining
	case n.full():
		return ReasonFull
	}
	return ""
}

// overloaded applies the bound of "Consistent Hashing with Bounded Loads"
// (Mirrokni, Thorup, Zadimoghaddam): with one client more, no node may hold
// more than its weight's share times the bound, rounded up.
func (p *Pool) overloaded(n *Node) bool {
	if p.sticky.BoundedLoad == 0 {
		return false
	}
	clients, weights := 1, 0
	for _, other := range p.nodes {
		if p.obstacle(other, nil) == "" || other == n {
			clients += other.connections
			weights += other.options.Weight
		}
	}
	share := float64(clients) * float64(n.options.Weight) / float64(weights)
	return float64(n.connections+1) > math.Ceil(p.sticky.BoundedLoad*share)
}

// rank orders the configured nodes for an address, best first, by weighted
// rendezvous hashing: each node draws a number from the hash of address and
// name, so that taking one of them away moves only its own clients.
func (p *Pool) rank(ip netip.Addr) []*Node {
	buf := append(make([]byte, 0, 128), p.masked(ip)...)
	address := len(buf)
	ranked := make([]*Node, 0, len(p.nodes))
	for _, n := range p.nodes {
		if n.removed {
			continue
		}
		buf = append(buf[:address], n.options.Name...)
		n.score = score(xxhash.Sum64(buf), n.options.Weight)
		ranked = append(ranked, n)
	}
	slices.SortFunc(ranked, func(a, b *Node) int {
		if a.score > b.score {
			return -1
		}
		return 1
	})
	return ranked
}

// score makes weights exact: with u uniform in (0, 1), a node of weight w has
// the highest -w/ln(u) with a probability of w over the sum of all weights.
func score(hash uint64, weight int) float64 {
	u := (float64(hash>>11) + 0.5) / (1 << 53)
	return -float64(weight) / math.Log(u)
}

// masked is the part of an address that counts: all of an IPv4 address and
// the first 64 bits of an IPv6 one, unless the configuration says otherwise.
func (p *Pool) masked(ip netip.Addr) []byte {
	ip = ip.Unmap().WithZone("")
	bits := p.sticky.IP.IPv6Prefix
	if ip.Is4() {
		bits = p.sticky.IP.IPv4Prefix
	}
	prefix, err := ip.Prefix(bits)
	if err != nil { // the zero Addr: a client without an address
		return nil
	}
	return prefix.Addr().AsSlice()
}
