package cluster

// plan sets this member's quotas as they should be. One that gets lower is used
// no more, before anybody else can have it.
func (m *Member) plan(s *State) {
	m.needy = false
	for node, n := range m.peers[m.id].report.Nodes {
		if n.Cap == 0 {
			s.give(node, m.id, 0)
			continue
		}
		m.reclaim(s, node)
		mine, asked := s.Quotas[node][m.id], m.need(s, node, n)
		if asked < mine {
			asked = m.deps.Lower(node, asked)
			m.allowed[node] = asked
		}
		s.give(node, m.id, asked)
	}
}

// need is what this member should have of a node: what it uses at least, and more
// only if nobody has it.
func (m *Member) need(s *State, node string, n NodeReport) int {
	mine, left := s.Quotas[node][m.id], n.Cap-s.given(node)
	share := m.peers.share(m.id, node, s.Quotas[node])
	m.needy = m.needy || share.needs(mine)
	asked := share.ask(mine, left)
	return max(n.used(), min(asked, mine+max(0, left)))
}

// reclaim takes back what dead members have. One that this member has never heard
// may be about to be heard, and has as long for that.
func (m *Member) reclaim(s *State, node string) {
	for id := range s.Quotas[node] {
		if !m.peers.of(id).holds() {
			s.give(node, id, 0)
		}
	}
}

// obey acts by the quotas in the store. One that is lower there, which is that
// others thought this member dead, holds at once, as far as clients are not here
// already.
func (m *Member) obey() {
	nodes := m.peers[m.id].report.Nodes
	for node, n := range nodes {
		granted := m.known.Quotas[node][m.id]
		allowed, known := m.allowed[node]
		switch {
		case n.Cap == 0:
			delete(m.allowed, node)
		case !known || granted < allowed:
			m.allowed[node] = m.deps.Lower(node, granted)
		case m.unsure == nil:
			m.allowed[node] = granted
		}
	}
	for node := range m.allowed {
		if _, has := nodes[node]; !has {
			delete(m.allowed, node)
		}
	}
}

// share is what a member goes by for its quota of a node.
type share struct {
	limit   int     // of the node
	used    int     // by this member
	all     int     // by all
	members int     // that want some of it
	part    float64 // of what is free that is this member's, by what wants it
	wants   bool    // this member does
	short   bool    // another one has none left
	outbid  bool    // more clients want it there than here
}

func (ps peers) share(self, node string, quotas map[string]int) (s share) {
	own := ps[self]
	members, wanted := ps.wanting(node)
	s.members, s.part = members, part(own.asked[node], wanted, members)
	for id, p := range ps {
		n, has := p.report.Nodes[node]
		if !has || !p.lives() {
			continue
		}
		wants := !p.report.Stopping
		s.all += n.used()
		switch {
		case id == self:
			s.limit, s.used, s.wants = n.Cap, n.used(), wants
		case wants && n.used() >= quotas[id]:
			s.short = true
			s.outbid = s.outbid || p.asked[node] > own.asked[node]+anyhow
		}
	}
	return s
}

// needs is whether this member has none of the places left that there are.
func (s share) needs(mine int) bool {
	return s.wants && s.used >= mine && s.limit-s.all >= s.members
}

// ask is what it should have instead of mine, with so many left to nobody: what
// it uses, and its part of what is free. About as much will do, as long as nobody
// is short.
func (s share) ask(mine, left int) int {
	free := max(0, s.limit-s.all)
	part := int(s.part * float64(free))
	switch {
	case !s.wants || free == 0:
		return s.used
	case left < 0: // too many were given
		return s.used + part
	case !s.outbid:
		part = max(1, part)
	}
	want, about := s.used+part, max(1, part/4)
	short := s.used >= mine || s.short && left == 0
	if !short && max(want-mine, mine-want) <= about {
		return mine
	}
	return want
}

// given is what members have of a node.
func (s State) given(node string) (clients int) {
	for _, n := range s.Quotas[node] {
		clients += n
	}
	return clients
}

// give sets a member's quota, 0 for none.
func (s *State) give(node, member string, clients int) {
	switch {
	case clients == 0:
		delete(s.Quotas[node], member)
		if len(s.Quotas[node]) == 0 {
			delete(s.Quotas, node)
		}
	case s.Quotas == nil:
		s.Quotas = map[string]map[string]int{node: {member: clients}}
	case s.Quotas[node] == nil:
		s.Quotas[node] = map[string]int{member: clients}
	default:
		s.Quotas[node][member] = clients
	}
}

// take takes a member's quotas from it.
func (s *State) take(member string) {
	for node := range s.Quotas {
		s.give(node, member, 0)
	}
}
