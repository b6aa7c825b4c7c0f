package balancer

import "fmt"

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
