package moves

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"fermata/balancer"
)

// Outcome is what has become of the clients of a node that were to go, since the
// node was last forgotten.
type Outcome struct {
	Moved  int            // without being closed
	Closed map[string]int // by why they were not moved, see NoSession
}

// ClosedAll is how many were closed.
func (o Outcome) ClosedAll() (all int) {
	for _, count := range o.Closed {
		all += count
	}
	return all
}

// String is for people: "80 moved, 8 closed: 6 without a session, 2 timed out".
// It is empty when nobody has gone.
func (o Outcome) String() string {
	var parts []string
	if o.Moved > 0 {
		parts = append(parts, fmt.Sprintf("%d moved", o.Moved))
	}
	if all := o.ClosedAll(); all > 0 {
		parts = append(parts, fmt.Sprintf("%d closed: %s", all, strings.Join(o.reasons(), ", ")))
	}
	return strings.Join(parts, ", ")
}

// reasons are why clients were closed, those of most of them first. A reason of all
// needs no number.
func (o Outcome) reasons() (texts []string) {
	most := func(a, b string) int { return cmp.Or(o.Closed[b]-o.Closed[a], strings.Compare(a, b)) }
	for _, why := range slices.SortedFunc(maps.Keys(o.Closed), most) {
		texts = append(texts, fmt.Sprintf("%d %s", o.Closed[why], ReasonText(why)))
		if len(o.Closed) == 1 {
			return []string{ReasonText(why)}
		}
	}
	return texts
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
// was, since it was last forgotten.
func (m *Moves) Outcome(n *balancer.Node) Outcome { return m.outcomes.read(n) }

// Leaving is how many of those that an Outcome has as closed are still there: they
// have been told, and have not left yet.
func (m *Moves) Leaving(n *balancer.Node) int { return m.live.leaving(n) }

// Forget drops the outcome of a node that is gone, or that clients are to be moved
// off anew: a Move that replaces another one counts on.
func (m *Moves) Forget(n *balancer.Node) { m.outcomes.forget(n) }
