package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// empty drains a node until all its clients are on others, and puts it back.
func (s *scene) empty(n *balancer.Node) {
	s.Helper()
	if _, err := s.pool.Drain(n.Name(), balancer.Drain{Force: true}); err != nil {
		s.Fatal(err)
	}
	moved := make(chan struct{})
	s.moves.Move(n, moves.Move{By: relay.ByDrain, Code: 4200}, func() { close(moved) })
	select {
	case <-moved:
	case <-time.After(patience):
		s.Fatalf("%s is not empty", n.Name())
	}
	if _, err := s.pool.Undrain(n.Name()); err != nil {
		s.Fatal(err)
	}
}

// stream publishes numbered events on news until it is ended.
func (s *scene) stream() (end func() (published int)) {
	stop, published := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for count := 0; ; count++ {
			select {
			case <-stop:
				published <- count
				return
			case <-tick.C:
				s.nodes[1].Publish("news", "numbered", strconv.Itoa(count))
			}
		}
	}()
	return func() int {
		close(stop)
		return <-published
	}
}

// wantNumbered waits for all of a stream, each once and in its order.
func (l *listener) wantNumbered(published int) {
	l.s.Helper()
	l.wait("numbered", "news", published)
	for i, got := range l.all("numbered", "news") {
		if got != strconv.Itoa(i) {
			l.s.Fatalf("got event %s, want %d", got, i)
		}
	}
}

func TestASessionIsHandedOverAndMovedAgainAndAgainAndMissesNothing(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.serve()
	var clients []*listener
	for range 3 {
		c := s.listen()
		c.join("news")
		c.join("private-orders")
		c.join("presence-room")
		clients = append(clients, c)
	}
	first, now := s, s
	end := s.stream()
	for round := range 4 {
		next := now.successor()
		now.handOver(next)
		now.wantCounted("handed over", nobody)
		now = next
		for _, n := range now.pool.Nodes() {
			now.empty(n.Node)
		}
		but := clients[round%3]
		name := fmt.Sprintf("for others, %d", round)
		now.publish(name, "private-orders", "1", but.id)
		for _, c := range clients {
			if c != but {
				c.wait(name, "private-orders", 1)
			} else if c.answers(); len(c.all(name, "private-orders")) > 0 {
				t.Errorf("got %q at the client that it was not for", name)
			}
		}
	}
	published := end()
	for _, c := range clients {
		c.wantNumbered(published)
		for _, channel := range []string{"news", "private-orders", "presence-room"} {
			if got := len(c.all("pusher_internal:subscription_succeeded", channel)); got != 1 {
				t.Errorf("%s: got %d answers, want 1", channel, got)
			}
		}
	}
	now.drain(now.pool.Nodes()[1].Node) // which is empty: members are each node's own
	late := now.listen()
	late.join("presence-room")
	for _, c := range clients {
		c.s.until("the new member is known once", func() bool {
			return strings.Count(fmt.Sprint(c.all("pusher_internal:member_added", "presence-room")), late.id) == 1
		})
		c.join("private-more") // signed for the id that it was told
	}
	if got := now.counted().subscriptions; got != 4*3+1 {
		t.Errorf("got %d subscriptions counted, want 13", got)
	}
	for _, c := range append(clients, late) {
		c.CloseNow()
	}
	now.wantNothingLeft(4, 0)
	now.wantCounted("at the end", nobody)
	first.wantNothingLeft(0, 0)
}

// A node that is lost right behind a hand-over loses nobody who has a session there.
func TestASessionThatWasHandedOverIsMadeAnewWhenItsNodeIsLost(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.change(func(o *Options) { o.Session.OnLoss = LossMove })
	s.serve()
	next := s.successor()
	c := s.listen()
	c.join("news")
	c.join("presence-room")
	s.empty(s.nodeOf()) // so that its node knows it by another id than its app
	l := s.detachOne()
	at := s.nodeOf()
	a := s.give(l, next)
	s.devnodeOf(at).Kill()
	a.Start()
	c.wait("pusher_internal:subscription_succeeded", "presence-room", 2)
	next.publish("shipped", "news", "1", "")
	c.wait("shipped", "news", 1)
	next.publish("for others", "news", "1", c.id)
	c.answers()
	if got := len(c.all("for others", "news")); got != 0 {
		t.Error("got an event that was for others")
	}
	c.CloseNow()
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
	next.wantCounted("at the end", nobody)
}

// What other members of a cluster know of a client, they know of it whoever has it.
func TestOtherMembersAreToldWhoHasAMovedClient(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	here, there := make(chan string, 10), make(chan string, 10)
	s.serve()
	next := s.successor()
	s.h.mentioned = func(app, told string) { here <- told }
	next.h.mentioned = func(app, told string) { there <- told }
	c := s.listen()
	c.join("news")
	s.empty(s.nodeOf())
	for range len(here) {
		<-here
	}
	l := s.detachOne()
	a, err := s.copy(l, next)
	if err != nil {
		t.Fatal(err)
	}
	if told := <-there; told != c.id {
		t.Errorf("got %s mentioned there, want %s", told, c.id)
	}
	if m := next.h.Moved(knownApp.ID, c.id); m != s.h.Moved(knownApp.ID, c.id) || m.Present == "" {
		t.Errorf("got %+v there, want %+v", m, s.h.Moved(knownApp.ID, c.id))
	}
	l.Gone()
	if told := <-here; told != c.id {
		t.Errorf("got %s mentioned here, want %s", told, c.id)
	}
	if m := s.h.Moved(knownApp.ID, c.id); m.Present != "" {
		t.Errorf("got %+v here, want that it has gone", m)
	}
	a.Start()
	c.answers()
	c.CloseNow()
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
}

// Two processes hand their clients to each other, or try to, while each moves those
// that it has between the nodes.
func TestHandOversAndMovesDisturbEachOtherNowhere(t *testing.T) {
	t.Parallel()
	a := newPredecessor(t, 2)
	a.serve()
	b := a.successor()
	var clients []*listener
	for range 8 {
		c := a.listen()
		c.join("news")
		c.join("presence-room")
		clients = append(clients, c)
	}
	end := a.stream()
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for _, s := range []*scene{a, b} {
		busy.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				s.moveFor(s.pool.Nodes()[i%2].Node, 20*time.Millisecond)
			}
		})
	}
	given := 0
	for from, to := a, b; given < 100; from, to = to, from {
		leaving, _ := from.h.HandOver(ctx, 1+rand.IntN(4))
		for _, l := range leaving {
			if from.orKeep(l, to) {
				given++
			}
		}
	}
	cancel()
	busy.Wait()
	published := end()
	if moved := a.moved() + b.moved(); moved == 0 {
		t.Error("got nobody moved meanwhile, want some")
	}
	for _, c := range clients {
		c.wantNumbered(published)
		if got := len(c.all("pusher_internal:subscription_succeeded", "presence-room")); got != 1 {
			t.Errorf("got %d answers, want 1", got)
		}
		c.answers()
	}
	a.until("all are at rest", func() bool { return a.counted().movable+b.counted().movable == len(clients) })
	at := a.counted().clients
	for _, c := range clients {
		c.CloseNow()
	}
	a.wantNothingLeft(at, 0)
	b.wantNothingLeft(len(clients)-at, 0)
	a.wantCounted("at the end", nobody)
	b.wantCounted("at the end", nobody)
}

// moved is how many sessions were moved.
func (s *scene) moved() (count int) {
	s.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "fermata_session_move_seconds" {
			count = int(family.GetMetric()[0].GetHistogram().GetSampleCount())
		}
	}
	return count
}

// moveFor has clients be moved off a node for some time.
func (s *scene) moveFor(n *balancer.Node, d time.Duration) {
	s.Helper()
	if _, err := s.pool.Drain(n.Name(), balancer.Drain{Force: true}); err != nil {
		s.Error(err)
	}
	s.moves.Move(n, moves.Move{By: relay.ByDrain, Code: 4200}, nil)
	<-time.After(d)
	s.moves.Stay(n)
	if _, err := s.pool.Undrain(n.Name()); err != nil {
		s.Error(err)
	}
}

// orKeep hands a client over, or keeps it.
func (s *scene) orKeep(l *Leaving, to *scene) (given bool) {
	s.Helper()
	if rand.IntN(3) == 0 {
		l.Resume()
		return false
	}
	a, err := s.copy(l, to)
	if err != nil {
		s.Fatal(err)
	}
	if rand.IntN(3) == 0 {
		a.Drop()
		l.Resume()
		return false
	}
	l.Gone()
	a.Start()
	return true
}
