package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"fermata/balancer"

	"go.uber.org/zap"
)

var nodes = []string{"r1", "r2", "r3"}

func drain(m *Member, node string, local bool) error {
	return m.Decide(context.Background(), local, func(v View, s *State) error {
		stamp := m.Stamp()
		s.set(node, Decision{Stamp: stamp, Drain: &balancer.Drain{Started: m.Now(), Rate: 7}})
		return nil
	})
}

func drained(m *Member, node string) bool { return m.View().State.Nodes[node].Drain != nil }

func TestADrainIsKnownToAllWithinTwoSeconds(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b", "c")
		if err := drain(all[0].Member, "r1", false); err != nil {
			t.Fatal(err)
		}
		if !drained(all[0].Member, "r1") {
			t.Error("got no drain where it was decided, want one at once")
		}
		passes(2 * time.Second)
		for _, p := range all {
			d := p.View().State.Nodes["r1"]
			if d.Drain == nil || d.Drain.Rate != 7 {
				t.Errorf("%s: got %+v, want the drain", p.name, d)
			}
			for _, r := range p.View().Members {
				if r.Seen != d.Stamp {
					t.Errorf("%s of %s: got %v seen, want %v", p.name, r.Name, r.Seen, d.Stamp)
				}
			}
		}
	})
}

func TestADrainOutlivesTheRestartOfEveryMember(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		if err := drain(all[0].Member, "r1", false); err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			p.end()
		}
		for _, p := range start(t, s, 0, nodes, "a", "b") {
			if !drained(p.Member, "r1") || len(p.View().Members) != 2 {
				t.Errorf("%s: got %+v, want the drain, and two members", p.name, p.View())
			}
		}
	})
}

func TestAMemberThatDiesIsGoneAfterItsHeartbeats(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		all[1].die()
		passes(1300 * time.Millisecond) // two beats may have been without one of it before, and the next one come at once
		if got := len(all[0].View().Members); got != 2 {
			t.Errorf("after 1.3 s: got %d members, want two yet", got)
		}
		passes(2700 * time.Millisecond)
		if got := len(all[0].View().Members); got != 1 {
			t.Errorf("after 4 s: got %d members, want one", got)
		}
		passes(70 * time.Second)
		s.change(func() {
			if got := len(s.reports); got != 1 {
				t.Errorf("after a minute: got %d reports in the store, want one", got)
			}
		})
	})
}

func TestAMemberThatStopsIsGoneAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "b")
		all[1].end()
		passes(time.Second)
		if got := all[0].View(); len(got.Members) != 1 || got.State.Quotas["r1"][all[1].id] != 0 {
			t.Errorf("got %+v, want one member, and what the other had", got)
		}
		passes(time.Second)
		if got, _ := all[0].View().Quota("r1"); got != 30 {
			t.Errorf("got a quota of %d, want all 30", got)
		}
	})
}

func TestAnOutageMakesNobodyDeadAndChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "b", "c")
		all[0].pool.come("r1", 5)
		passes(time.Second)
		before := all[0].View()
		for _, p := range all {
			p.link.breaks(cut, time.Minute)
		}
		passes(30 * time.Second)
		v := all[0].View()
		if v.Away == nil || time.Since(v.Since) < 29*time.Second {
			t.Errorf("got %v since %v, want an outage of half a minute", v.Away, v.Since)
		}
		if got, _ := v.Quota("r1"); len(v.Members) != 3 || got != v.State.Quotas["r1"][all[0].id] || v.Share("r1") != before.Share("r1") {
			t.Errorf("got %+v, want what was known before: %+v", v, before)
		}
		passes(31 * time.Second)
		if v := all[0].View(); v.Away != nil || len(v.Members) != 3 {
			t.Errorf("got %v and %d members, want it to be over with all three", v.Away, len(v.Members))
		}
	})
}

func TestWithoutRedisADecisionIsMadeHereOnlyIfAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		all[0].link.breaks(hang, 10*time.Second)
		if err := drain(all[0].Member, "r1", false); !errors.Is(err, ErrAway) || !errors.Is(err, errCut) {
			t.Errorf("got %v, want %v, and why", err, ErrAway)
		}
		if drained(all[0].Member, "r1") {
			t.Error("got a drain, want none")
		}
		if err := drain(all[0].Member, "r1", true); err != nil || !drained(all[0].Member, "r1") {
			t.Errorf("got %v, want a drain here", err)
		}
		passes(20 * time.Second)
		if !drained(all[1].Member, "r1") {
			t.Error("got no drain at the other member, want it once Redis is back")
		}
	})
}

func TestARedisThatComesBackEmptyIsToldEverything(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "b")
		if err := drain(all[0].Member, "r1", false); err != nil {
			t.Fatal(err)
		}
		passes(time.Second)
		before := all[1].View().State
		s.change(func() { s.state, s.reports = nil, map[string][]byte{} })
		passes(time.Second)
		after := all[1].View()
		if !after.State.same(before) || after.State.Version <= before.Version || len(after.Members) != 2 {
			t.Errorf("got %+v, want %+v and more versions", after.State, before)
		}
		if newcomer := start(t, s, 30, nodes, "c")[0]; !drained(newcomer.Member, "r1") {
			t.Error("got no drain at a newcomer, want it")
		}
	})
}

func TestAWriteWhoseAnswerIsLostIsNotMadeTwice(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		calls := 0
		_, swaps := s.counts()
		err := all[0].Decide(t.Context(), false, func(v View, st *State) error {
			calls++
			st.set("r1", Decision{Stamp: all[0].Stamp(), Drain: new(balancer.Drain)})
			all[0].link.breaks(lostAnswer, time.Millisecond)
			return nil
		})
		if _, then := s.counts(); err != nil || calls != 1 || then != swaps+1 {
			t.Errorf("got %v after %d calls and %d writes, want one of each", err, calls, then-swaps)
		}
	})
}

func TestAChangeThatRefusesChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		a := start(t, s, 0, nodes, "a")[0]
		refusal := errors.New("no")
		_, swaps := s.counts()
		err := a.Decide(t.Context(), false, func(v View, st *State) error {
			st.set("r1", Decision{Stamp: a.Stamp(), Drain: new(balancer.Drain)})
			return refusal
		})
		if _, then := s.counts(); !errors.Is(err, refusal) || drained(a.Member, "r1") || then != swaps {
			t.Errorf("got %v, a drain: %v, want the refusal and no drain", err, drained(a.Member, "r1"))
		}
	})
}

func TestAtRestNothingIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "b", "c")
		all[0].pool.come("r1", 7)
		passes(20 * time.Second)
		beats, swaps := s.counts()
		passes(60 * time.Second)
		beatsThen, swapsThen := s.counts()
		if got := swapsThen - swaps; got != 0 {
			t.Errorf("got %d writes of the state in a minute, want none", got)
		}
		if got := beatsThen - beats; got < 320 || got > 400 {
			t.Errorf("got %d beats of three members in a minute, want about 360", got)
		}
	})
}

func TestTheFirstBeatIsWaitedForWhetherItWorksOrNot(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		p := launch(s, "a", newPool(30, nodes...), nil)
		<-p.First()
		if quota, known := p.View().Quota("r1"); !known || quota != 30 {
			t.Errorf("got %d, %v, want all 30 after the first beat", quota, known)
		}
		p.end()
		lonely := &process{link: &link{store: s}}
		lonely.link.breaks(cut, time.Hour)
		m := New(Options{Name: "test", Secret: testSecret}, Deps{Store: lonely.link, Report: p.pool.report, Lower: p.pool.setQuota, Log: p.deps.Log})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		<-m.First()
		if _, known := m.View().Quota("r1"); known || m.View().Away == nil {
			t.Errorf("got a quota: %v, and away: %v, want none without Redis", known, m.View().Away)
		}
		stop()
		<-done
	})
}

func undrain(m *Member, node string, local bool) error {
	return m.Decide(context.Background(), local, func(v View, s *State) error {
		s.set(node, Decision{Stamp: m.Stamp()})
		return nil
	})
}

func TestTwoMembersThatRollWithoutRedisGiveDifferentFences(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		var fences []uint64
		for _, p := range start(t, s, 0, nodes, "a", "b") {
			p.link.breaks(cut, time.Minute)
			err := p.Decide(t.Context(), true, func(v View, s *State) error {
				stamp := p.Stamp()
				s.Roll = Roll{Stamp: stamp, Runner: p.name, Fence: stamp.Fence(s.Roll.Fence)}
				fences = append(fences, s.Roll.Fence)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if fences[0] == fences[1] || max(fences[0], fences[1]) >= 1<<53 {
			t.Errorf("got %v, want two that a number of JSON keeps", fences)
		}
	})
}

func TestADecisionKnowsThoseOfAMomentAgo(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 0, nodes, "a", "b")
		for i, node := range nodes {
			p, calls := all[i%2], 0
			err := p.Decide(t.Context(), false, func(v View, s *State) error {
				if calls++; len(s.Nodes) != i || len(v.State.Nodes) != i || len(p.View().State.Nodes) != i {
					t.Errorf("%s: got %v, want %d decisions", node, s.Nodes, i)
				}
				s.set(node, Decision{Stamp: p.Stamp(), Drain: new(balancer.Drain)})
				return nil
			})
			if err != nil || calls != 1 {
				t.Errorf("%s: got %v after %d calls, want one", node, err, calls)
			}
		}
	})
}

func TestWhatWasKnownBeforeARestartIsKnownAtOnceAndTold(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		known := State{Version: 90, Nodes: map[string]Decision{"r1": {Stamp: Stamp{At: time.Now().UnixMilli(), By: "before"}, Drain: new(balancer.Drain)}},
			Quotas: map[string]map[string]int{"r1": {"before": 20}}}
		link, pool := &link{store: s}, newPool(30, nodes...)
		m := New(Options{Name: "test", Secret: testSecret}, Deps{Store: link, Report: pool.report, Lower: pool.setQuota, Log: zap.NewNop()})
		m.Recall(known)
		if !drained(m, "r1") {
			t.Error("got no drain, want it before the first beat")
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		b := start(t, s, 30, nodes, "b")[0]
		if !drained(b.Member, "r1") || b.View().State.Quotas["r1"]["before"] != 0 {
			t.Errorf("got %+v, want the drain and no quotas of then", b.View().State)
		}
		stop()
		<-done
	})
}

func TestARedisWithAnotherClockIsGoneBy(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		s.ahead = 10 * time.Minute
		all := start(t, s, 0, nodes, "a", "b")
		for _, p := range all {
			if got := p.refusals(RefusedOld); got != 0 || len(p.View().Members) != 2 {
				t.Errorf("%s: got %d reports that count as old, and %d members, want none and two", p.name, got, len(p.View().Members))
			}
			if got := time.Until(p.Now()).Round(time.Second); got != s.ahead || p.View().Offset.Round(time.Second) != s.ahead {
				t.Errorf("%s: got a clock that is %v ahead, want %v", p.name, got, s.ahead)
			}
		}
	})
}

func TestADecisionThatMayBeLocalIsNotIfRedisIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		a := start(t, s, 0, nodes, "a")[0]
		_, before := s.counts()
		if err := drain(a.Member, "r1", true); err != nil {
			t.Fatal(err)
		}
		s.change(func() {
			if s.swaps != before+1 {
				t.Errorf("got %d writes, want the decision at once", s.swaps-before)
			}
		})
		passes(2 * time.Second)
		if _, after := s.counts(); after != before+1 {
			t.Errorf("got %d writes after a while, want one", after-before)
		}
	})
}

func TestABeatThatFailsIsNoOutage(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		a := start(t, s, 0, nodes, "a")[0]
		a.link.breaks(cut, 800*time.Millisecond)
		passes(750 * time.Millisecond)
		if v := a.View(); v.Away != nil {
			t.Errorf("got %v after a beat or two, want no outage", v.Away)
		}
		a.link.breaks(cut, 10*time.Second)
		passes(2500 * time.Millisecond)
		if v := a.View(); v.Away == nil {
			t.Error("got no outage after five beats, want one")
		}
	})
}
