package balancer

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Explain says in words why the pick is what it is. sentCookie is whether the
// client sent a cookie of the pin's name.
func (p Pick) Explain(sentCookie bool) string {
	chosen := "the hash of its address"
	switch {
	case p.Pinned:
		chosen = "its cookie"
	case sentCookie:
		chosen = "the hash of its address (its cookie names no node of ours)"
	}
	if p.Node == p.Preferred {
		return "by " + chosen
	}
	next := "the next by the hash of its address"
	if p.Reason == ReasonShed {
		next = "the emptiest"
	}
	return fmt.Sprintf("by %s it would be %s, which is %s; %s is %s",
		chosen, p.Preferred.Name(), obstacles[p.Reason], next, p.Node.Name())
}

var obstacles = map[Reason]string{
	ReasonLoad:     "above its share of the clients",
	ReasonFull:     "full",
	ReasonDown:     "down",
	ReasonDraining: "draining",
	ReasonRetry:    "failing",
	ReasonAvoided:  "still to be drained in a roll",
	ReasonShed:     "to have fewer clients",
}

// Words are the reason for people: the node is that, and so was passed over.
func (r Reason) Words() string { return obstacles[r] }

// Candidate is a node as one client finds it that needs a node.
type Candidate struct {
	Status
	// Rank is the node's place by the hash of the client's address, from 1; 0:
	// the client has no address.
	Rank int
	// Pinned is whether the client's cookie names it.
	Pinned bool
	// Reason is why it would be passed over; empty: it can take the client.
	Reason Reason
	// Bound is how many clients StickyOptions.BoundedLoad lets it have before
	// those without a pin pass it over; 0: there is none, or it takes nobody.
	Bound int
}

// Network is the part of a client's address that is hashed.
func (p *Pool) Network(ip netip.Addr) netip.Prefix {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.network(ip)
}

// Candidates are all nodes of the configuration in the order in which the
// client would get them: the one that its cookie names, then by the hash of its
// address.
func (p *Pool) Candidates(key Key) []Candidate {
	p.mu.Lock()
	defer p.mu.Unlock()
	pinned := p.pinned(key.Pins)
	ranking := p.rank(nil, key, ifUp)
	slices.SortStableFunc(ranking, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	var all []Candidate
	for i, r := range ranking {
		c := p.candidate(r, r.node == pinned)
		if key.IP.IsValid() {
			c.Rank = i + 1
		}
		all = append(all, c)
	}
	if i := slices.IndexFunc(all, func(c Candidate) bool { return c.Pinned }); i > 0 {
		all = slices.Insert(slices.Delete(slices.Clone(all), i, i+1), 0, all[i])
	}
	return all
}

// candidate is the node for people. Only obstacles keep a client from the node
// that its cookie names. mu is held.
func (p *Pool) candidate(r ranked, pinned bool) Candidate {
	c := Candidate{Status: r.node.status(), Pinned: pinned, Reason: r.reason, Bound: int(r.bound)}
	if pinned && (c.Reason == ReasonAvoided || c.Reason == ReasonLoad) {
		c.Reason = ""
	}
	if c.Reason == "" && p.reliefOf(r.node) != nil {
		c.Reason = ReasonShed
	}
	return c
}

// Explain says in words why the node would be passed over, or that it need not
// be.
func (c Candidate) Explain() string {
	words := obstacles[c.Reason]
	switch c.Reason {
	case "":
		return "can take it"
	case ReasonDown:
		return words + ": " + c.Status.Reason
	case ReasonFull:
		return fmt.Sprintf("%s: %d of %d clients", words, c.Connections, c.Quota)
	case ReasonLoad:
		return fmt.Sprintf("%s: %d of %d", words, c.Connections, c.Bound)
	case ReasonShed:
		return fmt.Sprintf("%s: %d", words, c.Shed)
	case ReasonDraining:
		return fmt.Sprintf("%s: %d clients left", words, c.Connections)
	}
	return words
}
