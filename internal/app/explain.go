package app

import (
	"net/http"
	"net/netip"

	"fermata/balancer"
	"fermata/internal/admin"
)

// Explain implements admin.Control.
func (a *App) Explain(ip netip.Addr, cookie string) admin.Explanation {
	key := balancer.Key{IP: ip, Pins: a.pins(cookie)}
	e := admin.Explanation{}
	if ip.IsValid() {
		e.Network = a.pool.Network(ip).String()
	}
	p, err := a.pool.Explain(key)
	if err == nil {
		e.Pick, e.Preferred, e.Node = string(p.Reason), p.Preferred.Name(), p.Node.Name()
		e.Reason = p.Explain(len(key.Pins) > 0 && a.pool.Pin(p.Node) != "")
	} else {
		e.Reason = err.Error()
	}
	if err == nil && !ip.IsValid() && !byCookie(p) {
		e = withoutAddress(p)
	}
	for _, c := range a.pool.Candidates(key) {
		e.Nodes = append(e.Nodes, candidate(c, e.Node))
	}
	return e
}

// pins are the values for the pin's cookie in what an operator has copied: the
// value itself, or a whole Cookie header.
func (a *App) pins(cookie string) (values []string) {
	name := a.pool.Cookie().Name
	cookies, _ := http.ParseCookie(cookie)
	for _, c := range cookies {
		if c.Name == name {
			values = append(values, c.Value)
		}
	}
	if len(values) == 0 && cookie != "" {
		return []string{cookie}
	}
	return values
}

// byCookie is whether the client's address plays no part in the pick.
func byCookie(p balancer.Pick) bool {
	return p.Pinned && (p.Reason == balancer.ReasonCookie || p.Reason == balancer.ReasonShed)
}

// withoutAddress is for a client of which only a cookie is known, and that does
// not decide.
func withoutAddress(p balancer.Pick) admin.Explanation {
	if !p.Pinned {
		return admin.Explanation{Reason: "its cookie names no node of ours, and its address, which decides, is not given"}
	}
	return admin.Explanation{
		Preferred: p.Preferred.Name(), Pick: string(p.Reason),
		Reason: "by its cookie it would be " + p.Preferred.Name() + ", which is " + p.Reason.Words() +
			"; which is next depends on its address, which is not given",
	}
}

// candidate is what the API says of one; picked is the name of the one that the
// client gets.
func candidate(c balancer.Candidate, picked string) admin.Candidate {
	v := admin.Candidate{
		Node: c.Name, Rank: c.Rank, Pinned: c.Pinned, Connections: c.Connections, MaxConnections: c.MaxConnections,
		Bound: c.Bound, PassedOver: string(c.Reason), Reason: c.Explain(),
	}
	if c.Name != picked {
		return v
	}
	v.PassedOver = ""
	if c.Reason == "" {
		v.Reason = "gets this client"
	} else {
		v.Reason = "gets this client all the same: it is " + v.Reason
	}
	return v
}
