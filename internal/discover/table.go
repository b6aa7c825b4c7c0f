package discover

import (
	"maps"
	"slices"
	"time"
)

// Most is how many nodes one entry can have.
const Most = 500

// What keeps a node whose address is missing in some answers.
const (
	// patience and answers: it goes once it is missing for so long, in so many
	// answers in a row.
	patience = 3 * time.Second
	answers  = 2
	// One that came back so often within memory is flapping. It is missed for hold
	// then, for twice as long when it has come back once more, and so on up to
	// mostHold.
	flaps    = 2
	memory   = 10 * time.Minute
	hold     = 30 * time.Second
	mostHold = 5 * time.Minute
)

// mostGone is how many nodes are remembered that have gone.
const mostGone = 2 * Most

// Table is the nodes of one entry. The zero value has none. Its methods must not
// be called concurrently.
type Table struct {
	records map[string]*record // by the node's name
}

// record is what is known of a node, while it is there and for some time after.
type record struct {
	node    Node
	missing int         // answers in a row without it
	since   time.Time   // of the first of these
	gone    bool        // it is none of the nodes any more
	returns []time.Time // when it came back, having gone; the latest ones
}

// Change is what an answer has changed. Its zero value is nothing.
type Change struct {
	Came, Gone []Node
	Other      bool // a node's address, weight or cap is another one
	Refused    int  // nodes in the answer that are more than Most
}

// Any is whether the nodes are others than before.
func (c Change) Any() bool { return len(c.Came)+len(c.Gone) > 0 || c.Other }

// Take takes in an answer, which must not be empty: that would say nothing. Of
// nodes of one name the first counts. Nodes that are known stay before new ones.
func (t *Table) Take(found []Node, now time.Time) (c Change) {
	if t.records == nil {
		t.records = make(map[string]*record)
	}
	there := make(map[string]bool, len(found))
	var unknown []Node
	for _, n := range found {
		r := t.records[n.Name]
		switch {
		case there[n.Name]:
			continue
		case r == nil || r.gone:
			unknown = append(unknown, n)
		default:
			c.Other = c.Other || r.node != n
			r.node, r.missing = n, 0
		}
		there[n.Name] = true
	}
	t.miss(there, now, &c)
	t.admit(unknown, now, &c)
	t.forget(now)
	return c
}

// miss counts an answer against the nodes that are not there.
func (t *Table) miss(there map[string]bool, now time.Time, c *Change) {
	for _, r := range t.present() {
		if there[r.node.Name] {
			continue
		}
		if r.missing++; r.missing == 1 {
			r.since = now
		}
		if r.missing >= answers && now.Sub(r.since) >= r.missedFor(now) {
			r.gone, r.since = true, now
			c.Gone = append(c.Gone, r.node)
		}
	}
}

// missedFor is how long the node must be missing before it goes.
func (r *record) missedFor(now time.Time) time.Duration {
	lately := 0
	for _, at := range r.returns {
		if now.Sub(at) < memory {
			lately++
		}
	}
	if lately < flaps {
		return patience
	}
	return min(hold<<(lately-flaps), mostHold)
}

// admit takes in nodes that were not there before, while there is room.
func (t *Table) admit(unknown []Node, now time.Time, c *Change) {
	room := Most - len(t.present())
	slices.SortFunc(unknown, order) // so that the same ones are refused everywhere
	for _, n := range unknown {
		if room <= 0 {
			c.Refused++
			continue
		}
		room--
		r := t.records[n.Name]
		if r == nil {
			r = new(record)
			t.records[n.Name] = r
		} else {
			r.returns = append(r.returns[max(0, len(r.returns)-maxReturns+1):], now)
		}
		r.node, r.missing, r.gone = n, 0, false
		c.Came = append(c.Came, n)
	}
}

// maxReturns are as many as make a difference.
const maxReturns = 8

// forget drops nodes that have gone long ago, and the first ones of too many.
func (t *Table) forget(now time.Time) {
	gone := slices.DeleteFunc(slices.Collect(maps.Values(t.records)), func(r *record) bool { return !r.gone })
	slices.SortFunc(gone, func(a, b *record) int { return a.since.Compare(b.since) })
	for i, r := range gone {
		if now.Sub(r.since) >= memory || i < len(gone)-mostGone {
			delete(t.records, r.node.Name)
		}
	}
}

// present are the nodes that there are, in order.
func (t *Table) present() []*record {
	all := slices.DeleteFunc(slices.Collect(maps.Values(t.records)), func(r *record) bool { return r.gone })
	slices.SortFunc(all, func(a, b *record) int { return order(a.node, b.node) })
	return all
}

// Nodes are those that there are now, in the order of their addresses.
func (t *Table) Nodes() []Node {
	var nodes []Node
	for _, r := range t.present() {
		nodes = append(nodes, r.node)
	}
	return nodes
}

// Remembered is a table of nodes that were found once.
func Remembered(nodes []Node) (t Table) {
	t.Take(nodes, time.Now())
	return t
}

// Clone is a table with the same nodes.
func (t *Table) Clone() Table {
	records := make(map[string]*record, len(t.records))
	for name, r := range t.records {
		copied := *r
		copied.returns = slices.Clone(r.returns)
		records[name] = &copied
	}
	return Table{records}
}
