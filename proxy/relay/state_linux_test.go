package relay

import (
	"io"
	"testing"
	"unsafe"
)

func TestWhatFewRelaysNeedIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(rare{}); got > 64 {
		t.Errorf("got %d bytes, want at most 64", got)
	}
}

// FuzzAttach has a relay go on with any state, and each side send next.
func FuzzAttach(f *testing.F) {
	for _, state := range refused {
		f.Add([]byte(state), []byte(nil))
	}
	f.Add([]byte(`{"pings": {"owed": 255, "asked": 200, "token": "AAECAwQFBgc="}, "said": {"frames": "AA==", "ago_ms": -9}}`), pong([]byte("\x00\x01\x02\x03\x04\x05\x06\x07")))
	f.Add([]byte(`{"to_node": {"left": 5, "message": 50000, "first": 2}, "client": {"queued": "gQA=", "stall_left_ms": 9223372036854775807}}`), text(masked, "x"))
	f.Fuzz(func(t *testing.T, b, next []byte) {
		s := newShard(newCount(), newPace(), newToken())
		c := newEpollRelay(s, Pair{
			Owner:   tapped{new(owner), deaf{}},
			Options: Options{Stall: patience, Close: patience, Idle: patience, Ping: patience, MaxMessage: 100_000},
		})
		c.client.refuses, c.node.refuses = true, true // no system calls
		was, err := c.restore(b)
		if err != nil {
			return
		}
		c.restoreTimes(was)
		if latest := s.time() + c.idle; c.idleBy > latest || c.pingBy > latest || c.idleBy == 0 {
			t.Errorf("got times %d and %d, want at most %d", c.idleBy, c.pingBy, latest)
		}
		again := c.state()
		if _, err := newEpollRelay(s, Pair{Owner: new(owner)}).restore(again); err != nil {
			t.Errorf("got %v for %s, which came from %s", err, again, b)
		}
		c.fromClient(copy(s.space.buffer.room(), next))
		c.fromNode(copy(s.space.buffer.room(), next))
	})
}

// BenchmarkHandOver hands relays at rest over between two engines and back, a hundred at a
// time.
func BenchmarkHandOver(b *testing.B) {
	const relays = 100
	l := legs{newEngine: newBest}
	here, there := newBest(), newBest()
	var all []Relay
	message := text(unmasked, "as usual")
	for range relays {
		clientFar, client := l.clientLeg(b)
		nodeFar, node := l.nodeLeg(b)
		defer func() { clientFar.Close(); nodeFar.Close() }()
		pair := benchPair(client, node)
		rarely(&pair)
		all = append(all, here.Start(pair))
		nodeFar.Write(message)
		if _, err := io.ReadFull(clientFar, make([]byte, len(message))); err != nil {
			b.Fatal(err)
		}
	}
	size := 0
	for b.Loop() {
		detached := make(chan *Detached, relays)
		for _, r := range all {
			r.Detach(func(d *Detached, _ error) { detached <- d })
		}
		all = all[:0]
		for range relays {
			d := <-detached
			size = len(d.State())
			pair := benchPair(nil, nil)
			rarely(&pair)
			arrived, err := there.Attach(copyOf(b, d.Client()), copyOf(b, d.Node()), d.State(), pair)
			if err != nil {
				b.Fatal(err)
			}
			d.Gone()
			arrived.Resume()
			all = append(all, arrived.Relay())
		}
		here, there = there, here
	}
	b.ReportMetric(float64(b.N*relays)/b.Elapsed().Seconds(), "relays/s")
	b.ReportMetric(float64(size), "B/state")
}
