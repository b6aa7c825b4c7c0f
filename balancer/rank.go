package balancer

import (
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// ranked is a node as one client finds it that needs a node.
type ranked struct {
	node   *Node
	score  float64 // by the hash of the client's address: the highest one goes first
	reason Reason  // why the client passes it over; empty: it does not
	bound  float64 // how many clients it may have for one without a pin to get it; 0: any number
}

// ranking is all nodes of the configuration, in its order.
type ranking []ranked

// rank ranks the nodes for a client by weighted rendezvous hashing: each gets a
// score from the hash of address and name, so that taking one of them away moves
// only its own clients. Those that cannot take the client have a reason, and so
// have those that are avoided, or above their bound, while there is another. It
// appends to all. mu is held.
func (p *Pool) rank(all ranking, key Key, down whenDown) ranking {
	o := p.outlook(key, down)
	address := p.appendNetwork(make([]byte, 0, 128), key.IP)
	for _, n := range p.nodes {
		if n.removed {
			continue
		}
		named := append(address, n.name...)
		r := ranked{node: n, score: score(xxhash.Sum64(named), n.options.Weight)}
		r.reason, r.bound = p.passOver(n, key, o)
		all = append(all, r)
	}
	return all
}

// best is the node that the client gets: the first that it does not pass over, or
// else the first above its bound. Nil: there is none.
func (all ranking) best() *ranked {
	if best := all.firstWith(""); best != nil {
		return best
	}
	return all.firstWith(ReasonLoad)
}

func (all ranking) firstWith(reason Reason) (found *ranked) {
	for i := range all {
		if r := &all[i]; r.reason == reason && (found == nil || r.score > found.score) {
			found = r
		}
	}
	return found
}

// first is the node that the client would get if all could take it.
func (all ranking) first() (found *ranked) {
	for i := range all {
		if r := &all[i]; found == nil || r.score > found.score {
			found = r
		}
	}
	return found
}

// whenDown is what a pick does with nodes that are down.
type whenDown bool

const (
	ifUp       whenDown = false // they take nobody
	lastResort whenDown = true  // those that might work take clients, like others
)

// outlook is what a client's pick knows of all nodes together.
type outlook struct {
	down     whenDown
	avoiding bool    // avoided nodes take nobody, as there are others
	clients  int     // of the nodes that take clients
	weights  float64 // theirs
}

func (p *Pool) outlook(key Key, down whenDown) (o outlook) {
	o.down = down
	o.avoiding = slices.ContainsFunc(p.nodes, func(n *Node) bool { return !n.avoided && p.obstacle(n, key.Tried, down) == "" })
	for _, n := range p.nodes {
		if p.obstacle(n, nil, down) == "" && !(o.avoiding && n.avoided) {
			o.clients += n.connections
			o.weights += float64(n.options.Weight)
		}
	}
	return o
}

// passOver says why a client without a pin passes n over, if it does, and which
// bound n has.
func (p *Pool) passOver(n *Node, key Key, o outlook) (reason Reason, bound float64) {
	if reason = p.obstacle(n, key.Tried, o.down); reason != "" {
		return reason, 0
	}
	if o.avoiding && n.avoided {
		return ReasonAvoided, 0
	}
	if p.sticky.BoundedLoad == 0 {
		return "", 0
	}
	if bound = p.bound(n, o); float64(n.connections+1) > bound {
		return ReasonLoad, bound
	}
	return "", bound
}

// bound applies that of "Consistent Hashing with Bounded Loads" (Mirrokni,
// Thorup, Zadimoghaddam): with one client more, no usable node may hold more than
// its weight's share times the bound, rounded up.
func (p *Pool) bound(n *Node, o outlook) float64 {
	return math.Ceil(p.sticky.BoundedLoad * float64(o.clients+1) * float64(n.options.Weight) / o.weights)
}

// obstacle says why n cannot take a client, or "".
func (p *Pool) obstacle(n *Node, tried []*Node, down whenDown) Reason {
	switch {
	case slices.Contains(tried, n):
		return ReasonRetry
	case !n.up && (down == ifUp || p.hopeless(n)):
		return ReasonDown
	case n.drain != nil, n.removed:
		return ReasonDraining
	case n.full():
		return ReasonFull
	}
	return ""
}
