package balancer

import "fmt"

// Load is how many clients a node has, those of the peers with them, and how many
// it is going to have.
type Load struct {
	Node           string
	Connections    int
	After          int
	MaxConnections int // 0: no cap
}

// Forecast says what a drain would make of the nodes that are left. It errors
// as Drain would, and says it all the same, but for an unknown node: where the
// clients have no room, the loads pass MaxConnections.
func (p *Pool) Forecast(name string, d Drain) ([]Load, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := find(p.nodes, name)
	if n == nil {
		return nil, fmt.Errorf("node %q: %w", name, ErrUnknownNode)
	}
	loads, _ := p.forecast(n)
	_, err := p.drainable(name, d)
	return loads, err
}

// seat is a node that can be given clients.
type seat struct {
	Load
	weight float64 // which no product or sum of weights overflows
}

// room is how many clients more it can take, at most so many.
func (s *seat) room(most int) int {
	if s.MaxConnections == 0 {
		return most
	}
	return min(most, max(0, s.MaxConnections-s.After))
}

// emptier is whether s has fewer clients than other for its weight, when each
// gets one more.
func (s *seat) emptier(other *seat) bool {
	return float64(s.After+1)*other.weight < float64(other.After+1)*s.weight
}

func (n *Node) seat() *seat {
	all := n.connections + n.elsewhere
	return &seat{Load{n.name, all, all, int(n.options.MaxConnections)}, float64(n.options.Weight)}
}

// forecast gives the clients of leaving, and of all nodes that cannot keep
// theirs, to the others: by weight, to avoided ones only what the rest has no
// room for. homeless is how many found no room; they are given out too.
func (p *Pool) forecast(leaving *Node) (loads []Load, homeless int) {
	var all, first, spare []*seat
	clients := 0
	for _, n := range p.nodes {
		if n == leaving || !n.serves() {
			clients += n.connections + n.elsewhere
			continue
		}
		s := n.seat()
		all = append(all, s)
		if n.avoided {
			spare = append(spare, s)
		} else {
			first = append(first, s)
		}
	}
	homeless = spread(spare, spread(first, clients))
	for _, s := range all {
		loads = append(loads, s.Load)
	}
	for i := range loads {
		loads[i].After += homeless * (i + 1) / len(loads)
		loads[i].After -= homeless * i / len(loads)
	}
	return loads, homeless
}

// spread gives clients to nodes by weight, to none more than it has room for,
// and returns how many are left. Each round gives at least one.
func spread(seats []*seat, clients int) int {
	for clients > 0 {
		weights := 0.0
		for _, s := range seats {
			if s.room(1) > 0 {
				weights += s.weight
			}
		}
		if weights <= 0 {
			break
		}
		given := 0
		for _, s := range seats {
			share := int(float64(clients) * s.weight / weights)
			given += s.take(max(0, min(share, clients-given)))
		}
		for _, s := range seats { // the last few
			if given == 0 {
				given += s.take(1)
			}
		}
		clients -= given
	}
	return clients
}

// take gives it clients as far as it has room, and returns how many.
func (s *seat) take(clients int) int {
	clients = s.room(clients)
	s.After += clients
	return clients
}
