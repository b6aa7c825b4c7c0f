package moves

import (
	"maps"
	"sync"

	"fermata/balancer"
)

// Outcome is what has become of the clients that a node's move, the last or the
// one under way, wanted to go.
type Outcome struct {
	Moved  int            // without being closed
	Closed map[string]int // by why they were not moved: see NotMoved and NoSession
}

// outcomes are those of the nodes. The zero value is ready. Its methods may be
// called concurrently.
type outcomes struct {
	mu    sync.Mutex
	nodes map[*balancer.Node]*Outcome
}

func (o *outcomes) moved(n *balancer.Node) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of(n).Moved++
}

func (o *outcomes) closed(n *balancer.Node, why string) {
	if why == Gone {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of(n).Closed[why]++
}

// of is the node's. mu is held.
func (o *outcomes) of(n *balancer.Node) *Outcome {
	if o.nodes == nil {
		o.nodes = make(map[*balancer.Node]*Outcome)
	}
	if o.nodes[n] == nil {
		o.nodes[n] = &Outcome{Closed: make(map[string]int)}
	}
	return o.nodes[n]
}

func (o *outcomes) forget(n *balancer.Node) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.nodes, n)
}

func (o *outcomes) read(n *balancer.Node) Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.nodes[n] == nil {
		return Outcome{}
	}
	return Outcome{Moved: o.nodes[n].Moved, Closed: maps.Clone(o.nodes[n].Closed)}
}

// Outcome is what has become of the clients of a node that is being moved off, or
// was.
func (m *Moves) Outcome(n *balancer.Node) Outcome { return m.outcomes.read(n) }

// Forget drops what is known of a node that is gone.
func (m *Moves) Forget(n *balancer.Node) { m.outcomes.forget(n) }
