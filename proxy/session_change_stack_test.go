package proxy_test

import (
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/proxy/moves"
)

// reconfigure reloads a configuration that ends so.
func (s *stage) reconfigure(extra string) {
	s.T.Helper()
	s.Configure(steady(extra))
	s.Reload()
}

const staged = apptest.Even + quiet

func TestAnUndrainInAMoveLosesNothing(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		c := s.subscribe("news", "private-orders", "presence-room")
		old, other := s.of(c.Node)
		end := s.stream(other)
		held := s.midway(old.name)
		s.Undrain(old.name)
		held.open()
		s.Eventually("the move is over", func() bool { return strings.Contains(s.Metrics(), `fermata_session_moves_total{result="moved"} 1`) })
		s.DrainWhole(other.name, admin.DrainRequest{}) // where it is
		c.wantAll(end())
		c.leave()
		s.wantResults("moved", "moved")
		s.wantNothingLeft()
	})
}

func TestAnUndrainInAMoveThatFailsKeepsTheClient(t *testing.T) {
	s := newStage(t, 2, "")
	c := s.subscribe("news", "presence-room")
	old, other := s.of(c.Node)
	end := s.stream(old)
	held := s.midway(old.name)
	s.Undrain(old.name)
	other.Kill()
	held.open() // the old node sends the marker
	s.WaitMetric(`fermata_session_moves_total{result="error"} 1`)
	c.wantAll(end())
	if n := s.NodesNow()[old.name].Connections; n != 1 {
		t.Errorf("got %d clients on %s, want it kept", n, old.name)
	}
	c.leave()
	s.wantNothingLeft()
}

func TestADrainThatIsAdjustedInAMoveGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2, "")
	c := s.subscribe("news", "presence-room")
	old, other := s.of(c.Node)
	end := s.stream(other)
	held := s.midway(old.name)
	rate := 5
	s.Drain(old.name, admin.DrainRequest{Rate: &rate})
	held.open()
	s.wantOutcome(old.name, 1)
	c.wantAll(end())
	c.leave()
	s.wantResults("moved")
	s.wantNothingLeft()
}

func TestADrainThatIsAdjustedTriesAgainWhatHasFailed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2, "session: {timeout: 8s}\n") // the second move has no more
	c := s.subscribe("news")
	old, other := s.of(c.Node)
	end := s.stream(other)
	held := s.midway(old.name)
	rate := 5
	s.Drain(old.name, admin.DrainRequest{Rate: &rate})
	s.WaitMetric(`fermata_session_moves_total{result="publish"} 1`)
	held.open()
	s.wantOutcome(old.name, 1)
	c.wantAll(end())
	c.leave()
	s.wantNothingLeft()
}

func TestAReloadThatRemovesTheAppInAMoveEndsItAndNoMore(t *testing.T) {
	t.Parallel()
	of := func(name, apps, because string) {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 2, "")
			c := s.subscribe("news", "private-orders")
			old, other := s.of(c.Node)
			end := s.stream(other)
			held := s.midway(old.name)
			s.reconfigure(staged + apps)
			held.open()
			s.wantOutcome(old.name, 1)
			c.wantAll(end())
			s.Undrain(old.name)
			s.Drain(other.name, admin.DrainRequest{})
			c.wantClosed(4200)
			s.wantOutcome(other.name, 0, because)
			s.wantResults("moved", because)
			s.wantNothingLeft()
		})
	}
	of("gone", "", moves.Off)
	of("another secret", strings.Replace(known, devnode.DefaultAppSecret, "another", 1), moves.Off)
}

func TestAReloadThatRemovesANodeInAMove(t *testing.T) {
	t.Parallel()
	of := func(name string, which func(old, other *checkpoint) *checkpoint) {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 3, "")
			c := s.subscribe("news", "private-orders", "presence-room")
			old, other := s.next(c)
			held := s.midway(old.name)
			removed := which(old, other)
			var nodes strings.Builder
			nodes.WriteString("nodes:\n")
			for _, point := range s.points {
				if point != removed {
					nodes.WriteString("  - {name: " + point.name + ", url: \"" + point.URL() + "\"}\n")
				}
			}
			end := s.stream(old)
			s.reconfigure(staged + known + nodes.String())
			held.open()
			s.Eventually("it has gone", func() bool { _, there := s.NodesNow()[removed.name]; return !there })
			s.Eventually("the old node is empty", func() bool { return s.NodesNow()[old.name].Connections == 0 })
			c.wantAll(end())
			c.leave()
			s.wantNothingLeft()
		})
	}
	of("old", func(old, _ *checkpoint) *checkpoint { return old })
	of("new", func(_, other *checkpoint) *checkpoint { return other })
}

func TestAStopInAMoveSendsTheClientAway(t *testing.T) {
	bothWays(t, func(t *testing.T, listen string) {
		s := newStage(t, 2, listen)
		c := s.subscribe("news", "presence-room")
		held := s.midway(c.Node)
		stopped := s.Stopped()
		c.wantClosed(4100)
		held.open()
		wait(t, stopped, "Fermata has stopped")
		if line := s.Logs.Wait(t, "client closed"); line["by"] != "shutdown" || line["code"] != 4100.0 {
			t.Errorf("got %v, want it closed by the stop with 4100", line)
		}
	})
}

func TestAMoveToANodeThatIsDrainedMeanwhileGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3, "")
	c := s.subscribe("news", "private-orders", "presence-room")
	old, other := s.next(c)
	end := s.stream(old)
	held := s.midway(old.name)
	s.Drain(other.name, admin.DrainRequest{})
	held.open()
	s.wantOutcome(old.name, 1)
	s.wantOutcome(other.name, 1)
	c.wantAll(end())
	c.leave()
	s.wantNothingLeft()
}

func TestTwoDrainsThatCrossLoseNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3, "")
	var clients []*subscriber
	for range 12 {
		clients = append(clients, s.subscribe("news", "presence-room"))
	}
	end := s.stream(s.points[2])
	stop := s.points[0].holdUp(itsMarker)
	other := s.points[1].holdUp(itsMarker)
	for _, name := range []string{"reverb-1", "reverb-2"} {
		s.Drain(name, admin.DrainRequest{})
	}
	stop.wait(t)
	other.wait(t)
	stop.open()
	other.open()
	for _, name := range []string{"reverb-1", "reverb-2"} {
		s.Eventually(name+" is drained", func() bool { return s.NodesNow()[name].State == admin.StateDrained })
		if got := s.NodesNow()[name].Outcome(); got.Closed != 0 || got.Moved < 4 {
			t.Errorf("%s: got %+v, want all moved", name, got)
		}
	}
	last := end()
	for _, c := range clients {
		c.wantAll(last)
		c.leave()
	}
	s.wantNothingLeft()
}
