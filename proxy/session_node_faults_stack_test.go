package proxy_test

import (
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/proxy/moves"
)

// sudden is a configuration whose moves are given up soon, and patient is one where
// they are not: a move takes a few milliseconds, and more on a busy machine.
const (
	sudden  = "session: {timeout: 2s}\n"
	patient = "session: {timeout: 40s}\n"
)

func TestAMoveThatANodeFailsClosesTheClientAsBefore(t *testing.T) {
	t.Parallel()
	timeouts := map[string]string{moves.Timeout: sudden, moves.NoSharedBus: sudden, moves.NoNode: sudden, moves.Refused: patient, moves.Failed: patient}
	of := func(name, because string, fail func(old, other *checkpoint)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 2, timeouts[because])
			c := s.subscribe("news", "private-orders", "presence-room")
			old, other := s.of(c.Node)
			through := other
			end := s.stream(through)
			fail(old, other)
			s.Drain(c.Node, admin.DrainRequest{})
			c.wantClosed(4200)
			end()
			s.wantOutcome(c.Node, 0, because)
			s.wantResults(because)
			for _, n := range []*checkpoint{old, other} {
				n.SetFaults(devnode.Faults{})
				n.Thaw()
			}
			s.wantNothingLeft()
		})
	}
	of("new, without an answer", moves.Timeout, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{NoAnswer: true}) })
	of("old, without an answer", moves.Timeout, func(old, _ *checkpoint) { old.SetFaults(devnode.Faults{NoAnswer: true}) })
	of("new, over quota", moves.NoNode, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{Unwelcome: 4004}) })
	of("new, with another origin", moves.NoNode, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{Unwelcome: 4009}) })
	of("new, refusing", moves.Refused, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{Forbid: 4009}) })
	of("old, refusing", moves.Timeout, func(old, _ *checkpoint) { old.SetFaults(devnode.Faults{Forbid: 4009}) })
	of("new, dying", moves.Failed, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{DieAtSubscribe: true}) })
	of("new, freezing", moves.Timeout, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{FreezeAtSubscribe: true}) })
	of("old, freezing", moves.Timeout, func(old, _ *checkpoint) { old.SetFaults(devnode.Faults{FreezeAtSubscribe: true}) })
	of("old, deaf", moves.Timeout, func(old, _ *checkpoint) { old.SetFaults(devnode.Faults{LoseIn: true}) })
	of("new, deaf", moves.NoSharedBus, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{LoseIn: true}) })
	of("new, without a pong", moves.NoNode, func(_, other *checkpoint) { other.SetFaults(devnode.Faults{Mute: true}) })
}

func TestANodeThatFreezesAtTheMarkerClosesTheClientAsBefore(t *testing.T) {
	t.Parallel()
	of := func(name string, which func(old, other *checkpoint) *checkpoint) {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 2, sudden)
			c := s.subscribe("news", "presence-room")
			held := s.midway(c.Node)
			frozen := which(s.of(c.Node))
			frozen.Freeze()
			held.open()
			c.wantClosed(4200)
			frozen.Thaw()
			s.Eventually("it is drained", func() bool { return s.NodesNow()[c.Node].State == admin.StateDrained })
			if got := s.NodesNow()[c.Node].Outcome(); got.Moved != 0 || got.Closed != 1 {
				t.Errorf("got %+v, want one closed", got)
			}
			s.wantNothingLeft()
		})
	}
	of("old", func(old, _ *checkpoint) *checkpoint { return old })
	of("new", func(_, other *checkpoint) *checkpoint { return other })
}

// A node that turns a session away is a failed pick: the next one is asked.
func TestAMoveTriesTheNextNode(t *testing.T) {
	t.Parallel()
	of := func(name string, faults devnode.Faults) {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3, "session: {timeout: 30s}\n")
			c := s.subscribe("news", "private-orders", "presence-room")
			from, first := s.next(c)
			first.SetFaults(faults)
			end := s.stream(from)
			s.Drain(from.name, admin.DrainRequest{})
			s.wantOutcome(from.name, 1)
			c.wantAll(end())
			c.leave()
			s.wantResults("moved", "moved", "moved")
			s.wantNothingLeft()
		})
	}
	of("over quota", devnode.Faults{Unwelcome: 4004})
	of("another origin", devnode.Faults{Unwelcome: 4009})
	of("it ends clients", devnode.Faults{EndAfter101: true})
	of("it refuses a subscription", devnode.Faults{Forbid: 4009})
	of("it dies", devnode.Faults{DieAtSubscribe: true})
}

// next is the client's node, and the one to which it would move.
func (s *stage) next(c *subscriber) (its, first *checkpoint) {
	s.T.Helper()
	its, _ = s.of(c.Node)
	s.DrainWhole(c.Node, admin.DrainRequest{})
	for name, n := range s.NodesNow() {
		if n.Connections == 1 {
			first, _ = s.of(name)
		}
	}
	s.Undrain(c.Node)
	s.DrainWhole(first.name, admin.DrainRequest{})
	s.Undrain(first.name)
	return its, first
}

func TestALargeMessageOfTheNodesCrossesTheCut(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		for _, most := range []string{"1048576", "65536"} {
			s := newStage(t, 2, listen+"session: {max_held_bytes: "+most+"}\n")
			c := s.subscribe("news")
			old, other := s.of(c.Node)
			held := s.midway(c.Node)
			other.Publish("news", "large", strings.Repeat("x", 100_000))
			end := s.stream(other)
			held.open()
			other.Publish("news", "large", strings.Repeat("x", 100_000))
			s.wantOutcome(old.name, 1)
			got := c.wait("both", func(all []devnodeMessage) bool { return count(all, "large", "news") == 2 })
			if len(got[len(got)-1].Data) == 0 {
				t.Error("got nothing in it")
			}
			c.wantAll(end())
			c.leave()
			s.wantResults("moved")
			s.wantNothingLeft()
		}
	})
}

func TestASlowBusOnlySlowsAMove(t *testing.T) {
	t.Parallel()
	bus := apptest.StartBus(t)
	nodes := twoOn(t, bus)
	s := newStageOf(t, nodes, apptest.Even+quiet+known+"session: {timeout: 30s}\n")
	c := s.subscribe("news", "presence-room")
	bus.SetDelay(time.Second)
	_, other := s.of(c.Node)
	end := s.stream(other)
	s.Drain(c.Node, admin.DrainRequest{})
	s.wantOutcome(c.Node, 1)
	c.wantAll(end())
	c.leave()
	s.wantResults("moved")
	s.wantNothingLeft()
}

func TestWithoutABusClientsAreClosedAsBefore(t *testing.T) {
	t.Parallel()
	bus := apptest.StartBus(t)
	nodes := twoOn(t, bus)
	s := newStageOf(t, nodes, apptest.Even+quiet+known+sudden)
	c := s.subscribe("news")
	held := s.midway(c.Node)
	bus.Stop()
	held.open()
	c.wantClosed(4200)
	s.wantOutcome(c.Node, 0, moves.Timeout)
	s.wantResults(moves.Timeout)
	s.wantNothingLeft()
}

func TestAStrangerOnTheMarkersChannelCannotBreakAMove(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		c := s.subscribe("news", "presence-room")
		held := s.midway(c.Node)
		channel := markerChannel(t, held)
		stranger, witness := s.subscribe(channel), s.subscribe(channel)
		old, other := s.of(c.Node)
		end := s.stream(other)
		for _, event := range []string{"client-hello", "client-fermata:marker", "fermata:marker", "pusher_internal:subscription_succeeded", "pusher:error"} {
			if err := stranger.Write(t.Context(), 1, []byte(`{"event":"`+event+`","channel":"`+channel+`","data":{}}`)); err != nil {
				t.Fatal(err)
			}
		}
		witness.wait("the stranger's events", func(all []devnodeMessage) bool { return count(all, "client-fermata:marker", channel) == 1 })
		old.Publish(channel, "another", "1")
		held.open()
		s.wantOutcome(c.Node, 1)
		stranger.wait("the marker", func(all []devnodeMessage) bool { return count(all, itsMarker, channel) == 1 })
		c.wantAll(end())
		c.leave()
		stranger.leave()
		witness.leave()
		s.wantResults("moved")
		s.wantNothingLeft()
	})
}

// twoOn are nodes on a bus of the test, which take large messages.
func twoOn(t *testing.T, bus *devnode.Bus) (nodes []*devnode.Node) {
	for _, name := range []string{"reverb-1", "reverb-2"} {
		nodes = append(nodes, apptest.StartNode(t, devnode.Options{Name: name, Bus: bus.Addr(), MaxMessage: 1 << 20}))
	}
	return nodes
}
