package proxy

import (
	"slices"
	"testing"
)

// What happens to a client while nobody relays it, and what becomes of it where it
// goes on then: here, or there at the next process. No code: it goes on, and -1: it is
// cut.
func TestWhatHappensToADetachedClientIsKnownAfterwards(t *testing.T) {
	t.Parallel()
	lost := []int{4100, 4200}
	both := func(f func(s *scene)) func(s, next *scene) {
		return func(s, next *scene) { f(s); f(next) }
	}
	for _, event := range []struct {
		name        string
		happens     func(s, next *scene)
		here, there []int
	}{
		{"its node is lost", func(s, _ *scene) { s.devnodeOf(s.nodeOf()).Kill() }, lost, lost},
		{"its node closes it", func(s, _ *scene) { s.devnodeOf(s.nodeOf()).CloseClients(4123, "bye") }, []int{4123}, []int{4123}},
		{"something is published", func(s, _ *scene) { s.nodes[0].Publish("news", "shipped", "1") }, nil, nil},
		{"its node is drained", both(func(s *scene) { s.drain(s.pool.Nodes()[0].Node) }), nil, nil},
		{"the first process stops", func(s, _ *scene) { s.stop(); <-s.h.stopping.Done() }, []int{4100}, nil},
		{"the next process stops", func(_, next *scene) { next.stop(); <-next.h.stopping.Done() }, nil, []int{4100}},
		{"the first process cuts all", func(s, _ *scene) { s.engine.Cut() }, []int{-1}, nil},
		{"the next process cuts all", func(_, next *scene) { next.engine.Cut() }, nil, []int{-1}},
	} {
		run := func(t *testing.T, there bool, codes []int) {
			t.Parallel()
			s := newPredecessor(t, 2)
			s.serve()
			next := s.successor()
			c := s.listen()
			c.join("news")
			l := s.detachOne()
			a, err := s.copy(l, next)
			if err != nil {
				t.Fatal(err)
			}
			event.happens(s, next)
			at, other := s, next
			if there {
				l.Gone()
				a.Start()
				at, other = next, s
			} else {
				a.Drop()
				l.Resume()
			}
			at.wantGoesOn(c, codes)
			at.wantNothingLeft(1, 0)
			other.wantNothingLeft(0, 0)
			at.wantCounted("at the end", nobody)
			other.wantCounted("at the end", nobody)
		}
		t.Run(event.name+", and it goes on here", func(t *testing.T) { run(t, false, event.here) })
		t.Run(event.name+", and it goes on there", func(t *testing.T) { run(t, true, event.there) })
	}
}

// wantGoesOn is whether the client gets all that is published, or one of the codes.
func (s *scene) wantGoesOn(c *listener, codes []int) {
	s.Helper()
	if codes == nil {
		c.answers()
		s.nodes[1].Publish("news", "after", "1")
		c.wait("after", "news", 1)
		c.CloseNow()
		return
	}
	if code := c.ended(); !slices.Contains(codes, code) {
		s.Errorf("got it closed with %d, want one of %v", code, codes)
	}
}

func TestAClientThatLeavesWhileNobodyRelaysItIsClosedByWhoHasIt(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.serve()
	next := s.successor()
	c := s.listen()
	l := s.detachOne()
	c.CloseNow()
	a := s.give(l, next)
	s.wantCounted("gone", nobody)
	a.Start()
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
}
