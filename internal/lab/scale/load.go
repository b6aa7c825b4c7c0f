//go:build linux

package main

import "math"

// load is what clients ask of a site.
type load struct {
	clients int
	every   float64 // seconds from one message to the next that a client gets
	channel float64 // clients that get the same message
}

// events are published, in a second.
func (l load) events() float64 { return float64(l.clients) / l.every / l.channel }

// kind is how the Reverb nodes are run.
type kind struct {
	name  string
	limit int     // clients of a node
	loop  float64 // seconds that each other client costs a node whenever something comes
}

var kinds = [...]kind{
	{"PHP alone, 950 clients a node", 950, selectLoop},
	{"ext-uv, 8,000 clients a node", 8000, 0},
}

// full is what a core or a link does at the most when it has enough to do, so that
// it has room for a storm.
const full = 0.7

// cell is a site, or a part of one that shares nothing with the others: Redis, Reverb
// nodes, and Fermatas.
type cell struct {
	load
	nodes, members int
}

// cellFor has one node, and one member, that may be away.
func cellFor(l load, k kind) cell {
	share := func(each int) int { return (l.clients + each - 1) / each }
	return cell{load: l, nodes: share(k.limit) + 1, members: share(memberClients) + 1}
}

// use is how much of something is used in a cell; 1 is all.
type use struct {
	what string
	used float64
}

// uses are all that may be too little, in the order of the tables.
func (c cell) uses(k kind) []use {
	return []use{
		{"Redis, one core", c.events() * float64(c.nodes) * redisDelivery},
		{"Redis, network", c.events() * float64(c.nodes) * eventBytes / linkBytes},
		{"a node, one core", c.node(k)},
		{"a member, two cores", c.member()},
		{"Fermata's Redis, network", 2 * float64(c.members) * c.exchanged() / linkBytes},
	}
}

// node is the work of a node while one is away: what is published through it, what
// comes from the others, what it delivers, and the checks.
func (c cell) node(k kind) float64 {
	nodes := float64(c.nodes - 1)
	clients := float64(c.clients) / nodes
	return c.events()/nodes*nodePublish +
		c.events()*(nodeHears+k.loop*clients) +
		clients/c.every*nodeDelivers +
		float64(c.members)/checkEvery*nodeHandshake
}

// member is the work of a member while one is away, as a part of its cores.
func (c cell) member() float64 {
	here := float64(c.members - 1)
	return (float64(c.clients)/here*(clientIdles+roundTrip/pingEvery+clientGets/c.every) +
		c.events()/here*plainRequest + 2*c.beat()) / memberCores
}

// beat is a member's time for one, which come twice a second.
func (c cell) beat() float64 {
	return beatSelf + beatReport*float64(c.members*c.nodes)
}

// report is what a member writes at each beat, in bytes, and state what all share.
func (c cell) report() float64 { return reportBase + reportNode*float64(c.nodes) }
func (c cell) state() float64 {
	return stateBase + float64(c.nodes)*(stateNode+stateQuota*float64(c.members))
}

// read is what a member reads at each beat, and exchanged all that it causes, in bytes.
func (c cell) read() float64 {
	return float64(c.members)*(c.report()+22) + c.state() + 120
}

func (c cell) exchanged() float64 { return c.report() + c.read() + 200 }

// first is what is used most, whatever it is.
func first(uses []use) (most use) {
	for _, u := range uses {
		if u.used > most.used {
			most = u
		}
	}
	return most
}

// cells are how many are needed so that nothing is used up, and one of them.
func cells(l load, k kind) (n int, c cell) {
	for n = 1; ; n++ {
		part := l
		part.clients = int(math.Ceil(float64(l.clients) / float64(n)))
		c = cellFor(part, k)
		if first(c.uses(k)).used <= full || part.clients <= 1 {
			return n, c
		}
	}
}
