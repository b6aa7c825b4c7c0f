package health

import "slices"

// arrivals is which events of a round have arrived where: arrivals[from][to],
// by the places of the nodes among those that took part.
type arrivals [][]bool

func newArrivals(nodes int) arrivals {
	a := make(arrivals, nodes)
	for from := range a {
		a[from] = make([]bool, nodes)
	}
	return a
}

// outcome is what a round has shown of a node.
type outcome uint8

const (
	delivers outcome = iota
	deaf             // nothing that is published elsewhere arrives at it
	mute             // what is published through it arrives nowhere else
	cutOff           // both
	lost             // nothing arrives anywhere: it is nobody's own fault
	split            // nodes hear only some others, and nobody can say which are right
)

// common says that it is as bad for all nodes.
func (o outcome) common() bool { return o == lost || o == split }

// judge says of each node what the arrivals show. Those that work and hear of
// each other are the core; the others are judged by what passes between them and
// it. Without a core, or when nothing is right with it either, all nodes share
// one outcome.
func (a arrivals) judge() []outcome {
	core, one := a.core()
	all := make([]outcome, len(a))
	for node := range a {
		all[node] = a.beside(node, core)
	}
	switch {
	case len(core) == 0:
		fill(all, lost)
	case !one || !slices.Contains(all, delivers):
		fill(all, split)
	}
	return all
}

func fill(all []outcome, with outcome) {
	for i := range all {
		all[i] = with
	}
}

// beside judges a node by the core, itself apart.
func (a arrivals) beside(node int, core []int) outcome {
	hears, heard, others := false, false, false
	for _, other := range core {
		if other != node {
			others = true
			hears = hears || a[other][node]
			heard = heard || a[node][other]
		}
	}
	switch {
	case hears && heard, !others:
		return delivers
	case heard:
		return deaf
	case hears:
		return mute
	}
	return cutOff
}

// core is the largest group of nodes that work and hear of each other, and
// whether there is one that is the largest.
func (a arrivals) core() (largest []int, one bool) {
	seen := make([]bool, len(a))
	for node := range a {
		if seen[node] || !a.works(node) {
			continue
		}
		switch group := a.group(node, seen); {
		case len(group) > len(largest):
			largest, one = group, true
		case len(group) == len(largest):
			one = false
		}
	}
	return largest, one
}

// works is whether anything arrives at the node, and anything of it anywhere; at
// itself counts, as Reverb gets its own events back through Redis.
func (a arrivals) works(node int) bool {
	hears, heard := false, false
	for other := range a {
		hears = hears || a[other][node]
		heard = heard || a[node][other]
	}
	return hears && heard
}

// group is the node and those that work and are connected with it, over others
// too. One event in either direction is enough: a slow round loses some.
func (a arrivals) group(node int, seen []bool) []int {
	seen[node] = true
	group := []int{node}
	for other := range a {
		if !seen[other] && a.works(other) && (a[node][other] || a[other][node]) {
			group = append(group, a.group(other, seen)...)
		}
	}
	return group
}
