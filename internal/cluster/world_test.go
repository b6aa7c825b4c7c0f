package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"fermata/balancer"
)

// world is a store with members, to which things happen while it is looked at
// whether what must not be ever is.
type world struct {
	store   *simStore
	nodes   []string
	limit   int // of each node's clients
	usable  int // nodes that must be left undrained
	gentle  bool
	members []*process

	deciding sync.WaitGroup

	mu     sync.Mutex
	live   map[string]*process         // by id
	ended  map[string]bool             // by id
	told   []told                      // decisions that somebody was told were made
	knows  map[string]map[string]Stamp // of live members, by id and node
	fences map[uint64]string           // runners
	wrong  []string
}

// told is a decision about a node.
type told struct {
	node  string
	stamp Stamp
	drain bool
	lost  bool // with the store and everybody who knew it
}

func newWorld(s *simStore, members int, gentle bool) *world {
	w := &world{store: s, nodes: []string{"r1", "r2", "r3", "r4"}, limit: 40, usable: 2, gentle: gentle,
		live: map[string]*process{}, ended: map[string]bool{}, knows: map[string]map[string]Stamp{}, fences: map[uint64]string{}, members: make([]*process, members)}
	s.swapped = w.wrote
	for i := range members {
		w.launch(i)
	}
	return w
}

func (w *world) launch(i int) {
	p := launch(w.store, string(rune('a'+i)), newPool(w.limit, w.nodes...), w.changed)
	w.members[i] = p
	w.mu.Lock()
	w.live[p.id] = p
	w.mu.Unlock()
	<-p.First()
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// changed remembers what a member knows.
func (w *world) changed(v View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.knows[v.Self]
	if w.ended[v.Self] {
		return
	}
	if known == nil {
		known = map[string]Stamp{}
		w.knows[v.Self] = known
	}
	for _, node := range append(w.nodes, theRoll) {
		if stamp := stampOf(v.State, node); stamp.After(known[node]) {
			known[node] = stamp
		}
	}
}

// theRoll stands for it where there are nodes' names.
const theRoll = "the roll"

func stampOf(s State, node string) Stamp {
	if node == theRoll {
		return s.Roll.Stamp
	}
	return s.Nodes[node].Stamp
}

// wrote looks at each state that members write.
func (w *world) wrote(raw []byte) {
	s := w.read(raw)
	for _, node := range w.nodes {
		if given := s.given(node); w.gentle && given > w.limit {
			w.fault("got %d clients granted of %s, want at most %d: %v", given, node, w.limit, s.Quotas[node])
		}
	}
	w.granted(s)
	if left := len(w.nodes) - s.drains(); w.gentle && left < w.usable {
		w.fault("got %d nodes undrained, want at least %d", left, w.usable)
	}
}

// granted looks whether members let in no more than what the store has granted.
func (w *world) granted(s State) {
	w.mu.Lock()
	live := maps.Clone(w.live)
	w.mu.Unlock()
	for id, p := range live {
		for _, node := range w.nodes {
			quota, known := p.pool.quota(node)
			if granted := s.Quotas[node][id]; w.gentle && known && quota > max(granted, p.pool.uses(node)) {
				w.fault("%s: %s: got a quota of %d, want at most the %d granted", p.name, node, quota, granted)
			}
		}
	}
}

func (s State) drains() (n int) {
	for _, d := range s.Nodes {
		if d.Drain != nil {
			n++
		}
	}
	return n
}

// read is nothing for what does not count.
func (w *world) read(raw []byte) State {
	body, err := newSigner(Options{Name: "test", Secret: testSecret}).open("state", raw)
	if err != nil {
		return State{}
	}
	s, _ := decode(body)
	return s
}

var errTooFew = errors.New("too few nodes are left")

// decide drains or undrains a node, beside what else happens.
func (w *world) decide(p *process, node string, drain, local bool) {
	w.deciding.Go(func() {
		before := w.last(node)
		d := Decision{}
		err := p.Decide(context.Background(), local, func(_ View, s *State) error {
			if d = (Decision{Stamp: p.Stamp()}); drain {
				d.Drain = new(balancer.Drain)
			}
			s.set(node, d)
			if drain && len(w.nodes)-s.drains() < w.usable {
				return errTooFew
			}
			return nil
		})
		if err == nil {
			w.tell(p, told{node: node, stamp: d.Stamp, drain: drain}, before)
		}
	})
}

// last is the newest decision that somebody was told of.
func (w *world) last(node string) (newest Stamp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.told {
		if t.node == node && t.stamp.After(newest) {
			newest = t.stamp
		}
	}
	return newest
}

func (w *world) tell(p *process, t told, before Stamp) {
	if w.gentle && !t.stamp.After(before) {
		w.fault("got %v, want a stamp after that of the decision before, %v", t.stamp, before)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, alive := w.knows[p.id]
	if alive && t.stamp.After(known[t.node]) {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: got a decision made that it does not know: %v", p.name, t))
	}
	t.lost = !alive // meanwhile
	w.told = append(w.told, t)
}

// roll begins one.
func (w *world) roll(p *process, local bool) {
	w.deciding.Go(func() {
		before, r := w.last(theRoll), Roll{}
		err := p.Decide(context.Background(), local, func(_ View, s *State) error {
			stamp := p.Stamp()
			r = Roll{Stamp: stamp, Runner: p.id + fmt.Sprint(stamp), Fence: stamp.Fence(s.Roll.Fence)}
			s.Roll = r
			return nil
		})
		if err == nil {
			w.began(r)
			w.tell(p, told{node: theRoll, stamp: r.Stamp}, before)
		}
	})
}

func (w *world) began(r Roll) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if other := w.fences[r.Fence]; other != "" && other != r.Runner {
		w.wrong = append(w.wrong, fmt.Sprintf("got fence %d for %s and %s, want another for each", r.Fence, other, r.Runner))
	}
	w.fences[r.Fence] = r.Runner
}

// end stops a member, or lets it die, and starts it again.
func (w *world) end(i int, die bool) {
	p := w.members[i]
	w.mu.Lock()
	delete(w.knows, p.id)
	delete(w.live, p.id)
	w.ended[p.id] = true
	w.mu.Unlock()
	if die {
		p.die()
	} else {
		p.end()
	}
	w.look()
	w.launch(i)
}

// close ends all members, at which they give back what they have.
func (w *world) close() {
	w.mu.Lock()
	clear(w.live)
	w.mu.Unlock()
	for _, p := range w.members {
		p.end()
	}
}

// look finds out what nobody can know any more, and counts clients.
func (w *world) look() {
	var s State
	w.store.change(func() { s = w.read(w.store.state) })
	w.mu.Lock()
	for i, t := range w.told {
		held := !t.stamp.After(stampOf(s, t.node))
		for _, known := range w.knows {
			held = held || !t.stamp.After(known[t.node])
		}
		w.told[i].lost = t.lost || !held
	}
	w.mu.Unlock()
	for _, node := range w.nodes {
		if used := w.used(node); w.gentle && used > w.limit {
			w.fault("got %d clients at %s, want at most %d", used, node, w.limit)
		}
	}
}

func (w *world) used(node string) (clients int) {
	for _, p := range w.members {
		clients += p.pool.uses(node)
	}
	return clients
}

// heal ends all faults, and waits until nothing of them is under way.
func (w *world) heal() {
	for _, p := range w.members {
		p.link.breaks(none, 0)
	}
	w.deciding.Wait()
	passes(lateBy + 300*time.Millisecond)
	w.look()
}

// agree looks whether all members, and the store, have the same.
func (w *world) agree() {
	first := w.members[0].View()
	for _, p := range w.members {
		v := p.View()
		if !v.State.normal().same(first.State.normal()) {
			w.fault("%s: got %+v, want what %s has, %+v", p.name, v.State, w.members[0].name, first.State)
		}
		if got, want := ids(v.Members), ids(first.Members); got != want {
			w.fault("%s: got members %s, want %s", p.name, got, want)
		}
		if len(v.Members) != len(w.members) || v.Away != nil {
			w.fault("%s: got %d members and %v, want all %d", p.name, len(v.Members), v.Away, len(w.members))
		}
	}
	var stored State
	w.store.change(func() { stored = w.read(w.store.state) })
	if !stored.same(first.State.normal()) {
		w.fault("got %+v in the store, want what members have, %+v", stored, first.State)
	}
}

func ids(members []Report) string {
	all := make([]string, len(members))
	for i, r := range members {
		all[i] = r.ID
	}
	return strings.Join(all, " ")
}

// decided looks whether the newest decisions that were made are in force.
func (w *world) decided() {
	for _, p := range w.members {
		state := p.View().State
		for _, t := range w.told {
			got, drained := stampOf(state, t.node), state.Nodes[t.node].Drain != nil
			switch {
			case t.lost:
			case t.stamp.After(got):
				w.fault("%s: %s has the decision %v, want the newer one %v, of which somebody was told", p.name, t.node, got, t.stamp)
			case t.stamp == got && t.drain != drained:
				w.fault("%s: %s is drained: %v, want %v", p.name, t.node, drained, t.drain)
			}
		}
	}
}

// shared looks whether quotas are what they should be at rest.
func (w *world) shared() {
	state := w.members[0].View().State
	for _, node := range w.nodes {
		given, used := state.given(node), w.used(node)
		if given > max(w.limit, used) {
			w.fault("%s: got %d granted, want at most %d, or the %d in use", node, given, w.limit, used)
		}
		for _, p := range w.members {
			quota, known := p.View().Quota(node)
			if granted := state.Quotas[node][p.id]; quota != granted {
				w.fault("%s: %s: got a quota of %d at rest, want the %d granted", p.name, node, quota, granted)
			}
			if has := p.pool.uses(node); !known || quota <= has && w.limit-used >= len(w.members) {
				w.fault("%s: got a quota of %d (%v) for %d clients, and %d of %d used by all, want some room: %v", node, quota, known, has, used, w.limit, state.Quotas[node])
			}
		}
	}
}
