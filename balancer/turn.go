package balancer

import (
	"errors"
	"math"
)

// ErrBusy is that the nodes have as many plain requests as they may.
var ErrBusy = errors.New("the nodes have as many requests as they may")

// Demand is a plain request that needs a node.
type Demand struct {
	// Tried are nodes that could not be dialled for it just now.
	Tried []*Node
	// Most is how many requests a node may have at once; 0: any number.
	Most int
	// Signed is whether it is signed by an app. Requests of strangers get half
	// of a node's places, so that a flood of them leaves room for the others.
	Signed bool
	// Prefer gets it, out of turn, while it is up and has a place; nil: it is
	// anybody's turn.
	Prefer *Node
}

// Turn is a node with a place for one plain request, which takes one of the
// node's connections. It must be released once the connection is closed.
type Turn struct {
	*Node
	holder *Pool
	most   int // as in Demand
	cuts   int // the node's, when it began
}

// Next takes a place for a plain request: usable nodes get one in turn, and when
// there are none a full or draining one, which still answers. The error is
// ErrNoUsableNode, or ErrBusy until a turn is released.
func (p *Pool) Next(d Demand) (Turn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prefers(d) {
		return p.occupy(d.Prefer, d), nil
	}
	for _, choice := range []choice{first, spare, last} {
		busy := false
		for i := range p.nodes {
			at := (p.turn + i) % len(p.nodes)
			switch n := p.nodes[at]; {
			case p.choice(n, d.Tried) != choice:
			case n.requests >= n.places(d):
				busy = true
			default:
				return p.take(at, d), nil
			}
		}
		if busy {
			return Turn{}, ErrBusy
		}
	}
	return Turn{}, ErrNoUsableNode
}

// prefers is whether the node that the request is best sent to can take it.
func (p *Pool) prefers(d Demand) bool {
	if d.Prefer == nil {
		return false
	}
	choice := p.choice(d.Prefer, d.Tried)
	return (choice == first || choice == spare) && d.Prefer.requests < d.Prefer.places(d)
}

// choice is when a node gets a plain request.
type choice int

const (
	never choice = iota
	first
	spare // only while there is no usable node
	last  // only while there is none that is up
)

func (p *Pool) choice(n *Node, tried []*Node) choice {
	switch p.obstacle(n, tried, ifUp) {
	case "":
		return first
	case ReasonDraining, ReasonFull:
		if !n.removed {
			return spare
		}
	case ReasonDown:
		if !p.hopeless(n) {
			return last
		}
	}
	return never
}

// places is how many plain requests the node may have for this one to get there:
// as many as its answers allow, and its clients leave connections for. A node
// that is full of clients still has a few, since events are published there.
func (n *Node) places(d Demand) int {
	places := n.window(d.Most)
	if n.options.MaxConnections > 0 {
		most := n.most()
		places = min(places, max(most-n.connections, 1+most/64))
	}
	if !d.Signed {
		places -= places / 2
	}
	return places
}

// take begins the next turn behind this node, so that a node which is passed
// over does not double the share of its neighbour.
func (p *Pool) take(at int, d Demand) Turn {
	p.turn = at + 1
	return p.occupy(p.nodes[at], d)
}

func (p *Pool) occupy(n *Node, d Demand) Turn {
	n.requests++
	return Turn{Node: n, holder: p, most: d.Most, cuts: n.cuts}
}

// Answer is what a node's answer to a plain request shows of its load.
type Answer int

// Answers.
const (
	AnswerNothing Answer = iota // there was none, or it had to wait for others
	AnswerPrompt
	AnswerSlow
)

// Release gives the place back. A second call does nothing. It must not be
// called concurrently.
func (t *Turn) Release(a Answer) {
	if t.holder == nil {
		return
	}
	t.holder.mu.Lock()
	defer t.holder.mu.Unlock()
	t.holder = nil
	t.requests--
	t.Node.answered(a, t.cuts, t.most)
}

// How many requests a node gets at once: to begin with, and even if it is the
// slowest one, of which one is a stranger's.
const (
	firstWindow = 16
	leastWindow = 2
)

// window is how many requests the node may have at once, of so many at most.
func (n *Node) window(most int) int {
	switch {
	case most == 0:
		return math.MaxInt
	case n.allowed == 0:
		return min(firstWindow, most)
	}
	return min(int(n.allowed), most)
}

// answered widens the window of a node that answers promptly: by one with each
// answer until one was slow, and from then on when so many have been answered. It
// halves that of a node that answers slowly, once for all the requests that it had
// then.
func (n *Node) answered(a Answer, cuts, most int) {
	window := float64(n.window(most))
	switch {
	case most == 0, a == AnswerNothing:
	case a == AnswerPrompt && n.cuts == 0:
		n.allowed = min(window+1, float64(most))
	case a == AnswerPrompt:
		n.allowed = min(n.allowed+1/window, float64(most))
	case cuts == n.cuts:
		n.allowed = max(window/2, float64(min(leastWindow, most)))
		n.cuts++
	}
}
