package cluster

import (
	"math"
	"time"
)

// demandOver is over how long a demand is a mean.
const demandOver = 2 * time.Second

// demand is how many upgrades a second want each node at a member.
type demand map[string]float64

// add takes in the next report.
func (d *demand) add(before, r Report) {
	passed := time.Duration(r.At-before.At) * time.Millisecond
	if before.ID == "" || passed <= 0 {
		return
	}
	weight := 1 - math.Exp(-passed.Seconds()/demandOver.Seconds())
	next := make(demand, len(r.Nodes))
	for node, n := range r.Nodes {
		asked := max(0, n.Asked-before.Nodes[node].Asked)
		next[node] = (*d)[node] + weight*(float64(asked)/passed.Seconds()-(*d)[node])
	}
	*d = next
}

// sharedEqually is the part of a node's upgrades that members have whatever
// wants it there, so that the first ones somewhere do not wait for a beat.
const sharedEqually = 0.25

// upgrades are a member's parts of each node's upgrades. Its own demand is as
// others know it too: otherwise, when all members are stormed at the same time,
// each would think for a beat that it is the only one.
func (ps peers) upgrades(self string) map[string]float64 {
	own, here := ps[self]
	if !here {
		return nil
	}
	shares := make(map[string]float64, len(own.report.Nodes))
	for node := range own.report.Nodes {
		members, all := ps.wanting(node)
		heard := min(own.asked[node], own.lately[node])
		shares[node] = part(heard, all, members)
	}
	return shares
}

// wanting counts who has a node, and sums what wants it.
func (ps peers) wanting(node string) (members int, all float64) {
	for _, p := range ps {
		if _, has := p.report.Nodes[node]; has && p.lives() && !p.report.Stopping {
			members++
			all += p.asked[node]
		}
	}
	return members, all
}

// anyhow is the demand that all members together have at least, each as much, so
// that single upgrades do not count for much.
const anyhow = 1

func part(own, all float64, members int) float64 {
	equal := 1 / float64(max(1, members))
	return sharedEqually*equal + (1-sharedEqually)*(own+anyhow*equal)/(all+anyhow)
}
