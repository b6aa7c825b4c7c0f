package proxy_test

import (
	"strings"
	"testing"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

const onLoss = "session: {on_loss: move}\n"

// anew waits until the client is subscribed again, as often as it was lost.
func (c *subscriber) anew(losses int, channel string) {
	c.t.Helper()
	c.wait("to be subscribed anew", func(all []devnodeMessage) bool {
		return count(all, "pusher_internal:subscription_succeeded", channel) == 1+losses
	})
}

func TestANodeThatEndsClientsAgainAndAgainIsNotTriedForEver(t *testing.T) {
	s := newStage(t, 2, onLoss)
	c := s.subscribe("news")
	for _, point := range s.points {
		point.cutAt("subscription_succeeded")
	}
	c.say("pusher:subscribe", map[string]string{"channel": "more"})
	wait(t, c.done, "the client is closed")
	if code := websocket.CloseStatus(c.over); code != 4100 && code != 4200 {
		t.Errorf("got %v, want a Close frame 4100, or 4200 on a slow machine", c.over)
	}
	if line := s.Logs.Wait(t, "client closed"); line["by"] != "node_lost" || line["moves"].(float64) < 1 {
		t.Errorf("got %v, want it closed as its node was lost, after some moves", line)
	}
	s.wantNothingLeft()
}

func TestAFrozenNodesSessionsAreMadeAnew(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		nodes, _ := apptest.StartNodes(t, 3)
		s := newStageOf(t, nodes, apptest.Even+known+onLoss+listen+
			"health: {type: http, interval: 1s, timeout: 1s, rise: 1, fall: 1, reverb: {delivery: {interval: 0s}}}\n")
		c := s.subscribe("news", "presence-room")
		old, other := s.of(c.Node)
		old.Freeze()
		c.anew(1, "presence-room")
		other.Publish("news", "after", "1")
		c.wait("an event after the loss", func(all []devnodeMessage) bool { return count(all, "after", "news") == 1 })
		c.say("pusher:ping", nil)
		c.wait("a pong", func(all []devnodeMessage) bool { return count(all, "pusher:pong", "") >= 1 })
		s.Eventually("the frozen node is empty", func() bool { return s.NodesNow()[old.name].Connections == 0 })
		s.wantResults("moved")
		old.Thaw()
		c.leave()
		s.wantNothingLeft()
	})
}

func TestWhenAllNodesAreGoneForTooLongClientsAreClosed(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		t.Parallel()
		s := newStage(t, 2, onLoss+listen)
		c := s.subscribe("news")
		for _, point := range s.points {
			point.Kill()
		}
		c.wantClosed(4100)
		if line := s.Logs.Wait(t, "client closed"); line["by"] != "node_lost" || line["code"] != 4100.0 {
			t.Errorf("got %v, want it closed with 4100, as its node was lost", line)
		}
		s.wantNothingLeft()
	})
}

func TestAStopSendsClientsAwayThatAreHeldWithoutANode(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, onLoss+listen)
		c := s.subscribe("news")
		for _, point := range s.points {
			point.Kill()
		}
		s.Logs.Wait(t, "node down")
		stopped := s.Stopped()
		c.wantClosed(4100)
		wait(t, stopped, "Fermata has stopped")
	})
}

// The lost node's clients are on their way to another one, which says nothing.
func TestAStopSendsClientsAwayThatAreBeingMadeAnew(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 3, onLoss+listen)
		c := s.subscribe("news")
		old, _ := s.of(c.Node)
		var reached []*stop
		for _, point := range s.points {
			if point != old {
				reached = append(reached, point.holdUp("GET /app/"))
			}
		}
		old.Kill()
		select {
		case <-reached[0].reached:
		case <-reached[1].reached:
		}
		s.Logs.Wait(t, "node down")
		stopped := s.Stopped()
		c.wantClosed(4100)
		wait(t, stopped, "Fermata has stopped")
	})
}

func TestAClientWhoseNodeDiesInAMoveIsKept(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, onLoss+listen)
		c := s.subscribe("news", "presence-room")
		held := s.midway(c.Node)
		old, other := s.of(c.Node)
		old.Kill()
		held.open()
		c.anew(1, "presence-room")
		other.Publish("news", "after", "1")
		c.wait("an event after the loss", func(all []devnodeMessage) bool { return count(all, "after", "news") == 1 })
		s.wantOutcome(old.name, 1)
		c.leave()
		s.wantNothingLeft()
	})
}

func TestAClientWhoseNodeDiesInAMoveIsClosedAsBefore(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		c := s.subscribe("news", "presence-room")
		held := s.midway(c.Node)
		old, _ := s.of(c.Node)
		old.Kill()
		held.open()
		wait(t, c.done, "the client is closed")
		if code := websocket.CloseStatus(c.over); code != 4100 && code != 4200 { // 4100 as it is young
			t.Errorf("got %v, want a Close frame 4100, or 4200 on a slow machine", c.over)
		}
		s.Eventually("it is drained", func() bool { return s.NodesNow()[old.name].State == admin.StateDrained })
		s.wantNothingLeft()
	})
}

func TestAClientWhoseNewNodeDiesAtTheMarkerStays(t *testing.T) {
	s := newStage(t, 3, "")
	c := s.subscribe("news", "private-orders", "presence-room")
	old, first := s.next(c)
	held := s.midway(old.name)
	end := s.stream(old)
	first.Kill()
	held.open()
	s.wantOutcome(old.name, 1)
	c.wantAll(end())
	c.leave()
	s.wantResults("moved", "moved", "moved")
	s.wantNothingLeft()
}

func TestANodeThatFreezesInsideOfAMessageClosesItsClients(t *testing.T) {
	t.Parallel()
	nodes, _ := apptest.StartNodes(t, 3)
	s := newStageOf(t, nodes, apptest.Even+known+onLoss+
		"health: {type: http, interval: 1s, timeout: 1s, rise: 1, fall: 1, reverb: {delivery: {interval: 0s}}}\n")
	c := s.subscribe("news")
	old, _ := s.of(c.Node)
	stop := old.holdUp("STOP")
	old.Publish("news", "large", strings.Repeat("x", 70_000)+strings.Repeat("STOP", 10_000))
	stop.wait(t)
	old.Freeze()
	wait(t, c.done, "the client is closed")
	if upgrades := nodes[0].Stats().Upgrades + nodes[1].Stats().Upgrades + nodes[2].Stats().Upgrades; upgrades > 3 {
		t.Errorf("got %d upgrades, want no more than one move", upgrades-1)
	}
	stop.open()
	old.Thaw()
	s.wantNothingLeft()
}
