package moves

// Lend takes out up to so many clients that another process could take over, until
// each is given back by Add or Bind, or has ended. Nobody moves them meanwhile.
func (m *Moves) Lend(most int) []*Client { return m.live.lend(most) }

// Bind gives back a client that no other process can take over, for as long as it has
// this node: it is not lent again.
func (m *Moves) Bind(c *Client) {
	m.live.bind(c)
	m.Add(c)
}

// Bound is how many clients can be moved, but not be taken over.
func (m *Moves) Bound() int { return m.live.countBound() }

func (r *registry) lend(most int) (lent []*Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, all := range r.clients {
		for i := 0; i < len(all) && len(lent) < most; {
			if c := all[i]; c.bound {
				i++
			} else {
				r.forget(c) // another has its place now
				all = all[:len(all)-1]
				lent = append(lent, c)
			}
		}
	}
	return lent
}

// bind is for a client that is not in.
func (r *registry) bind(c *Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.bound = true
}

func (r *registry) countBound() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bound
}

// all are the clients of all nodes, or those of them that are bound. It leaves them in.
func (r *registry) all(boundOnly bool) (list []*Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, clients := range r.clients {
		for _, c := range clients {
			if c.bound || !boundOnly {
				list = append(list, c)
			}
		}
	}
	return list
}
