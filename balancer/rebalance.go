package balancer

import "math"

// Relief is how many clients a node is to give away.
type Relief struct {
	Node    *Node
	Clients int
}

// PlanRebalance says which clients would have to move so that no node has more
// than its weight's share of them: nodes above their share by more than skew,
// 0.1 for a tenth, give what is above it to the emptiest others. The loads are
// those of all nodes that take clients.
func (p *Pool) PlanRebalance(skew float64) (reliefs []Relief, loads []Load) {
	nodes, seats := p.serving()
	shares := shares(seats)
	gives := make([]bool, len(seats))
	for i, s := range seats {
		gives[i] = float64(s.After) > shares[i]*(1+skew)
	}
	for {
		from, to := fullest(seats, shares, gives), emptiest(seats, gives)
		if from == nil || to == nil || float64(to.After+1)*from.weight >= float64(from.After)*to.weight {
			break
		}
		from.After--
		to.After++
	}
	for i, s := range seats {
		loads = append(loads, s.Load)
		if gives[i] && s.After < s.Connections {
			reliefs = append(reliefs, Relief{nodes[i], s.Connections - s.After})
		}
	}
	return reliefs, loads
}

// PlanUnasked is PlanRebalance for one that nobody has asked for: it plans none
// that moves fewer clients than least, or that the pins or the bounded load would
// undo, and none while clients are on their way anyway.
func (p *Pool) PlanUnasked(skew float64, least int) []Relief {
	bound, ok := p.lasting()
	if !ok {
		return nil
	}
	reliefs, _ := p.PlanRebalance(max(skew, bound-1))
	clients := 0
	for _, r := range reliefs {
		clients += r.Clients
	}
	if clients < least {
		return nil
	}
	return reliefs
}

// lasting is whether clients that move now stay where they come to: a cookie
// pins them there, and nothing moves them on. The bound is how many times the
// mean clients without a cookie may fill a node.
func (p *Pool) lasting() (bound float64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		if n.avoided || n.shed > 0 || n.connections+n.elsewhere > 0 && !n.serves() {
			return 0, false
		}
	}
	return p.sticky.BoundedLoad, p.sticky.By == ByCookie && !p.panicking
}

// serving are the nodes that take clients, and full ones.
func (p *Pool) serving() (nodes []*Node, seats []*seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		if n.serves() {
			nodes, seats = append(nodes, n), append(seats, n.seat())
		}
	}
	return nodes, seats
}

// shares is what each of them would have by its weight.
func shares(seats []*seat) []float64 {
	clients, weights := 0, 0.0
	for _, s := range seats {
		clients, weights = clients+s.After, weights+s.weight
	}
	shares := make([]float64, len(seats))
	for i, s := range seats {
		shares[i] = float64(clients) * s.weight / weights
	}
	return shares
}

// fullest is the one of those that give that is fullest for its weight and
// above its share, or nil.
func fullest(seats []*seat, shares []float64, gives []bool) (found *seat) {
	for i, s := range seats {
		if gives[i] && s.After > 0 && float64(s.After) > math.Ceil(shares[i]) && (found == nil || found.emptier(s)) {
			found = s
		}
	}
	return found
}

// emptiest is the one of the others with room that is emptiest, or nil.
func emptiest(seats []*seat, gives []bool) (found *seat) {
	for i, s := range seats {
		if !gives[i] && s.room(1) > 0 && (found == nil || s.emptier(found)) {
			found = s
		}
	}
	return found
}

// Shed has a node shed so many clients more, or fewer: for as long as there
// are some to shed, a client that would get this node gets the emptiest one.
func (p *Pool) Shed(n *Node, clients int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.shed = max(0, n.shed+clients)
}

// reliefOf is the emptiest node that can take a client which n sheds, and would
// not be fuller than n; nil: there is none, or n sheds nobody.
func (p *Pool) reliefOf(n *Node) *Node {
	if n.shed == 0 {
		return nil
	}
	found, least := (*Node)(nil), n.seat()
	for _, other := range p.nodes {
		if other == n || other.avoided || other.shed > 0 || p.obstacle(other, nil, ifUp) != "" {
			continue
		}
		if s := other.seat(); s.emptier(least) {
			found, least = other, s
		}
	}
	return found
}
