//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/storm/report"
)

const (
	// drainRate and slowRate are those of the drains, clients per second.
	drainRate, slowRate = 100, 50
	// atRest is how long Redis is watched before a drain.
	atRest = 10 * time.Second
	// ending is how long a node may take until it has seen the ends of clients.
	ending = time.Second
	// away is how long Redis is gone.
	away = 5 * time.Second
	// holding is how long nothing happens to nodes that are full.
	holding = 10 * time.Second
	// fullNode is what docs recommend without ext-uv.
	fullNode = 950
)

// clusterScenarios are those of several Fermatas side by side.
func clusterScenarios() []*scenario {
	drained := func(name, title string) report.Scenario {
		return report.Scenario{Name: name, Title: title, Shows: report.ShowsDrained}
	}
	return []*scenario{
		{letter: "e", Scenario: drained("members", "(e) a node is drained by one of three Fermatas"), do: drainByOne, members: 1},
		{letter: "f", Scenario: drained("member", "(f) a Fermata is killed in the middle of a drain"), do: killMember, members: 2},
		{letter: "g", Scenario: drained("redis", "(g) Redis is killed in the middle of a drain"), do: killRedis, members: 1, cluster: true},
		{letter: "h", Scenario: report.Scenario{Name: "cap", Title: fmt.Sprintf("(h) max_connections: %d, and clients that come at once", fullNode), Shows: report.ShowsFullest}, do: fill, members: 1, cap: fullNode},
	}
}

// drainByOne also tells what Redis gets, at rest and in the drain.
func drainByOne(ctx context.Context, s *stage) error {
	drain := func() error { return s.drain(ctx, drainRate, nil) }
	if s.running.redis == nil {
		return drain()
	}
	rest, err := s.running.traffic(ctx, "at rest", func() error { return command.Pause(ctx, atRest) })
	if err != nil {
		return err
	}
	draining, err := s.running.traffic(ctx, "in the drain", drain)
	s.result.Members.Traffic = []report.Traffic{rest, draining}
	return err
}

// killMember kills one that nobody has asked for the drain.
func killMember(ctx context.Context, s *stage) error {
	return s.drain(ctx, slowRate, func() error {
		s.running.members[1].Kill()
		s.mark(memberName(1) + " is killed")
		return nil
	})
}

// killRedis has it come back empty.
func killRedis(ctx context.Context, s *stage) error {
	return s.drain(ctx, slowRate, func() error {
		s.running.redis.Kill()
		s.mark("Redis is killed")
		if err := command.Pause(ctx, away); err != nil {
			return err
		}
		err := s.running.redis.Restart()
		s.mark("Redis is back, empty")
		return err
	})
}

// drain is one of a node by one of the members, after which it is restarted and
// gets clients again. In its middle something happens; nil: nothing does.
func (s *stage) drain(ctx context.Context, rate int, middle func() error) error {
	s.strike("")
	s.mark("drain")
	m, all := s.result.Members, s.watch.clients(victim)
	m.Rate = rate
	var watching sync.WaitGroup
	watching.Go(func() { m.Known = s.agree(ctx, func(state string) bool { return state != "ready" }) })
	drained := make(chan error, 1)
	go func() {
		err := s.running.fermata(ctx, "drain", nodeName(victim), "--rate", fmt.Sprint(rate), "--wait")
		s.mark(report.MarkDrained)
		m.Left = s.left(ctx)
		drained <- err
	}()
	err := errors.Join(s.middle(ctx, all*5/6, middle), <-drained)
	watching.Wait()
	if err != nil {
		return err
	}
	return s.putBack(ctx)
}

// left is how many clients the node has that is drained, once it has seen the
// ends of those that have just left.
func (s *stage) left(ctx context.Context) int {
	command.Pause(ctx, ending)
	var stats devnode.Stats
	askJSON(ctx, s.nodes.node(victim).URL()+"/devnode", &stats)
	return stats.Subscribed
}

// middle waits until a sixth of the clients has gone: Fermatas that do not know
// each other move a third of them.
func (s *stage) middle(ctx context.Context, left int, happens func() error) error {
	if happens == nil {
		return nil
	}
	for s.watch.clients(victim) > left {
		if err := command.Pause(ctx, looking); err != nil {
			return err
		}
	}
	return happens()
}

func (s *stage) putBack(ctx context.Context) error {
	if err := s.nodes.restart(ctx, victim); err != nil {
		return err
	}
	s.mark("undrain")
	if err := s.running.fermata(ctx, "undrain", nodeName(victim)); err != nil {
		return err
	}
	s.result.Members.Undone = s.agree(ctx, func(state string) bool { return state == "ready" })
	return nil
}

// agree is how long it takes until all members say so of the node; nil: they do
// not.
func (s *stage) agree(ctx context.Context, is func(state string) bool) *float64 {
	began := time.Now()
	if !s.running.agree(ctx, victim, is) {
		return nil
	}
	took := time.Since(began).Seconds()
	return &took
}

// fill has nodes be full, and then fewer, and then a Fermata less.
func fill(ctx context.Context, s *stage) error {
	s.strike(nodeName(victim))
	s.mark(nodeName(victim) + " is killed")
	s.nodes.node(victim).Kill()
	if err := command.Pause(ctx, holding); err != nil {
		return err
	}
	if len(s.running.members) > 1 {
		s.mark(memberName(1) + " is killed")
		s.running.members[1].Kill()
		if err := command.Pause(ctx, holding); err != nil {
			return err
		}
	}
	s.mark(nodeName(victim) + " is back")
	if err := s.nodes.boot(victim); err != nil {
		return err
	}
	return command.Pause(ctx, holding)
}
