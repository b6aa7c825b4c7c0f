package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// world is some nodes, and users and strangers on them.
type world struct {
	bus    bus
	nodes  []*reverb
	conns  []*conn // of the nodes that live
	users  []*user
	named  int
	alone  []*conn // strangers
	events int
}

var (
	channels = []string{"a", "private-b", "presence-c", "cache-d", "presence-cache-e", "private-encrypted-f"}
	names    = []string{"7", "8", "ann"}
)

func newWorld(t *rapid.T) *world {
	w := &world{}
	for range 3 {
		w.nodes = append(w.nodes, w.node())
	}
	for range 3 {
		u := newUser(&w.bus, w.anyNode(t), rapid.SampledFrom(names).Draw(t, "name"))
		w.users, w.conns = append(w.users, u), append(w.conns, u.conn)
	}
	return w
}

func (w *world) node() *reverb {
	w.named++
	return newReverb(&w.bus, fmt.Sprint("node", w.named))
}

func (w *world) anyNode(t *rapid.T) *reverb { return anyOf(t, "node", w.nodes) }
func (w *world) anyUser(t *rapid.T) *user   { return anyOf(t, "user", w.users) }

// anyOf draws a number, which can be read in what rapid tells.
func anyOf[T any](t *rapid.T, label string, from []T) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

// skipUnless has rapid try another action.
func skipUnless(t *rapid.T, possible bool) {
	if !possible {
		t.Skip()
	}
}

func (w *world) asks(t *rapid.T) {
	w.anyUser(t).ask(wish{
		rapid.SampledFrom([]string{"subscribe", "subscribe", "unsubscribe", "whisper", "ping"}).Draw(t, "verb"),
		rapid.SampledFrom(channels).Draw(t, "channel"), true,
	})
}

func (w *world) asksWrongly(t *rapid.T) {
	w.anyUser(t).ask(wish{"subscribe", rapid.SampledFrom([]string{"private-b", "presence-c"}).Draw(t, "channel"), false})
}

// publishes is the application's request. It may except a user by the id that the
// user's node knows, unless the marker of a move is on its way.
func (w *world) publishes(t *rapid.T) {
	w.events++
	channel := rapid.SampledFrom(channels).Draw(t, "channel")
	o := occurrence{channel: channel, text: fmt.Sprintf(`{"event":"news","data":"%d","channel":%q}`, w.events, channel)}
	if u := w.anyUser(t); rapid.Bool().Draw(t, "toOthers") && (u.move == nil || !u.move.published) {
		o.except, o.from = u.session.Present(), u
	}
	w.bus = append(w.bus, o)
}

func (w *world) delivers(t *rapid.T) { skipUnless(t, w.anyNode(t).deliver()) }

func (w *world) processes(t *rapid.T) {
	waiting := slices.DeleteFunc(slices.Clone(w.conns), func(c *conn) bool { return len(c.in) == 0 })
	skipUnless(t, len(waiting) > 0)
	anyOf(t, "conn", waiting).process()
}

func (w *world) relaysOld(t *rapid.T) { skipUnless(t, w.anyUser(t).relayOld()) }
func (w *world) relaysNew(t *rapid.T) { skipUnless(t, w.anyUser(t).relayNew()) }
func (w *world) goesOn(t *rapid.T)    { skipUnless(t, w.anyUser(t).goOn(&w.bus)) }

func (w *world) begins(t *rapid.T) {
	u, to := w.anyUser(t), w.anyNode(t)
	skipUnless(t, u.move == nil && u.undone == nil && u.conn.node != to)
	w.events++
	u.begin(to, fmt.Sprint("fermata-", w.events))
	w.conns = append(w.conns, u.move.to)
}

func (w *world) givesUp(t *rapid.T) {
	u := w.anyUser(t)
	skipUnless(t, u.move != nil)
	u.giveUp()
	w.lookAfter(t, u)
}

// lookAfter gives a user another node if its own is dead, and still needed.
func (w *world) lookAfter(t *rapid.T, u *user) {
	if was := u.conn; !slices.Contains(w.nodes, was.node) {
		if u.lose(w.anyNode(t)); u.conn != was {
			w.conns = append(w.conns, u.conn)
		}
	}
}

// joins is a stranger who comes to a node.
func (w *world) joins(t *rapid.T) {
	c, name := w.anyNode(t).connect(nil), rapid.SampledFrom(append(names, "bob")).Draw(t, "name")
	for _, channel := range []string{"presence-c", "presence-cache-e"} {
		data := dataOf(name)
		c.handle(string(subscribeAs(c.id, channel, data)))
	}
	w.alone = append(w.alone, c)
}

func (w *world) leaves(t *rapid.T) {
	skipUnless(t, len(w.alone) > 0)
	i := rapid.IntRange(0, len(w.alone)-1).Draw(t, "stranger")
	w.alone[i].end()
	w.alone = slices.Delete(w.alone, i, i+1)
}

// dies is a node that ends, and another in its place.
func (w *world) dies(t *rapid.T) {
	i := rapid.IntRange(0, len(w.nodes)-1).Draw(t, "node")
	dead := w.nodes[i]
	w.nodes[i] = w.node()
	there := func(c *conn) bool { return c.node == dead }
	w.conns, w.alone = slices.DeleteFunc(w.conns, there), slices.DeleteFunc(w.alone, there)
	for _, u := range w.users {
		if u.move != nil && there(u.move.to) {
			u.giveUp()
		}
		w.lookAfter(t, u)
	}
}

// settle lets all that is under way come to its end.
func (w *world) settle() {
	for busy := true; busy; {
		busy = false
		for _, n := range w.nodes {
			busy = n.deliver() || busy
		}
		for _, c := range w.conns {
			busy = c.process() || busy
		}
		for _, u := range w.users {
			busy = u.relayOld() || busy
			busy = u.relayNew() || busy
			busy = u.goOn(&w.bus) || busy
		}
	}
}

func (w *world) check(t *rapid.T) {
	for _, u := range w.users {
		if u.rests() {
			u.check()
		}
		if len(u.faults) > 0 {
			t.Fatal(strings.Join(u.faults, "\n"))
		}
	}
}

// wantAllSeen compares with what each would have seen of one node.
func (w *world) wantAllSeen(t *rapid.T) {
	for _, u := range w.users {
		if !u.rests() {
			t.Fatalf("%s: the move has got stuck: %+v", u.session.Told(), u.move)
		}
		u.model.reach(u.conn.node.at)
		if !slices.Equal(u.seen, u.model.seen) {
			t.Fatalf("%s: got\n%s\nwant\n%s", u.session.Told(), strings.Join(u.seen, "\n"), strings.Join(u.model.seen, "\n"))
		}
	}
}

func TestAClientSeesWhatItWouldHaveSeenOfOneNodeThatStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		actions := map[string]func(*rapid.T){"": w.check}
		often := func(times int, name string, action func(*rapid.T)) {
			for i := range times {
				actions[fmt.Sprint(name, " ", i)] = action
			}
		}
		often(8, "a client asks", w.asks)
		often(1, "a client asks wrongly", w.asksWrongly)
		often(8, "the application publishes", w.publishes)
		often(10, "a node delivers", w.delivers)
		often(12, "a node processes", w.processes)
		often(8, "a client's node is read", w.relaysOld)
		often(8, "its new node is read", w.relaysNew)
		often(3, "a move begins", w.begins)
		often(8, "a move goes on", w.goesOn)
		often(1, "a move is given up", w.givesUp)
		often(2, "a stranger joins", w.joins)
		often(2, "a stranger leaves", w.leaves)
		often(1, "a node dies", w.dies)
		for range rapid.IntRange(1, 10).Draw(t, "rounds") { // of some thirty steps each
			t.Repeat(actions)
		}
		w.settle()
		w.check(t)
		w.wantAllSeen(t)
	})
}
