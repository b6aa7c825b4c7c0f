//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/storm/report"
)

// scenario is something that happens to nodes, or to the balancer.
type scenario struct {
	letter string
	report.Scenario
	// do strikes once, and returns when all is done that is done to nodes.
	do func(ctx context.Context, s *stage) error

	members int  // how many Fermatas it needs side by side; 0: nobody stands beside another
	cluster bool // it needs their Redis
	cap     int  // of connections at each node; 0: none
	upgrade bool // the balancer is replaced, half of whose clients speak TLS
}

func allScenarios() []*scenario {
	return append([]*scenario{
		{letter: "a", Scenario: report.Scenario{Name: "drain", Title: "(a) one of five nodes is drained and restarted"}, do: drainOne},
		{letter: "b", Scenario: report.Scenario{Name: "kill", Title: "(b) one of five nodes is killed"}, do: killOne},
		{letter: "c", Scenario: report.Scenario{Name: "freeze", Title: "(c) one of five nodes freezes"}, do: freezeOne},
		{letter: "d", Scenario: report.Scenario{Name: "restart", Title: "(d) all nodes are restarted within 5 s"}, do: restartAll},
	}, append(clusterScenarios(),
		&scenario{letter: "i", Scenario: report.Scenario{Name: "upgrade", Title: "(i) the balancer itself is upgraded"}, do: upgradeBalancer, upgrade: true},
	)...)
}

// clusterOnly stands for the scenarios of several Fermatas.
const clusterOnly = "cluster"

// scenariosNamed are those with these letters or names, in their order.
func scenariosNamed(names []string) ([]*scenario, error) {
	var scenarios []*scenario
	all := allScenarios()
	for _, name := range names {
		if name == clusterOnly {
			scenarios = append(scenarios, clusterScenarios()...)
			continue
		}
		i := slices.IndexFunc(all, func(s *scenario) bool { return s.letter == name || s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("got scenario %q, want a (drain), b (kill), c (freeze), d (restart), e (members), f (member), g (redis), h (cap), i (upgrade) or cluster", name)
		}
		scenarios = append(scenarios, all[i])
	}
	return scenarios, nil
}

// plays is whether a scenario makes sense with a balancer.
func (s *scenario) plays(b *balancer) bool {
	if s.upgrade && b.upgrade == nil {
		return false
	}
	return (s.members > 0) == (b.members > 0) && b.members >= s.members && (b.cluster || !s.cluster)
}

// victim is the node that something happens to.
const victim = 0

func drainOne(ctx context.Context, s *stage) error {
	s.strike("")
	if drain := s.running.drain; drain != nil {
		if err := drain(ctx, s.running, victim); err != nil {
			return err
		}
	}
	if err := s.nodes.restart(ctx, victim); err != nil {
		return err
	}
	if undrain := s.running.undrain; undrain != nil {
		return undrain(ctx, s.running, victim)
	}
	return nil
}

func killOne(_ context.Context, s *stage) error {
	s.strike(nodeName(victim))
	s.nodes.node(victim).Kill()
	return nil
}

func freezeOne(_ context.Context, s *stage) error {
	s.strike(nodeName(victim))
	return s.nodes.node(victim).Freeze()
}

// restartAll has every node look at its cache every 5 s, at a time of its own.
func restartAll(ctx context.Context, s *stage) error {
	s.strike("")
	var restarting sync.WaitGroup
	errs := make([]error, nodeCount)
	for i := range nodeCount {
		restarting.Go(func() {
			err := command.Pause(ctx, time.Duration(i)*5*time.Second/nodeCount)
			if err == nil {
				s.crowd.Lose(nodeName(i), time.Now())
				err = s.nodes.restart(ctx, i)
			}
			errs[i] = err
		})
	}
	restarting.Wait()
	return errors.Join(errs...)
}
