//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"fermata/internal/cluster"
	"fermata/internal/lab/command"
)

// patience is how long things are watched.
type patience struct {
	rest, storm time.Duration
	settled     time.Duration // when quotas are settled at the latest, if ever
	decisions   int
}

var ordinaryPatience = patience{rest: 5 * time.Second, storm: 5 * time.Second, settled: 15 * time.Second, decisions: 15}

// party is the members of one cluster.
type party struct {
	patience
	members []*member // the whole ones first
	redis   *watch
	stormy  atomic.Bool
	found   clusterFinding
}

func (p *party) open(redis string) error {
	p.redis = watchRedis(redis)
	for i := range p.found.Members {
		m, err := join("redis://"+redis, i, p.found.size, &p.stormy)
		if err != nil {
			return err
		}
		p.members = append(p.members, m)
	}
	return nil
}

// close ends all members at the same time.
func (p *party) close() {
	p.redis.close()
	for _, m := range p.members {
		m.stop()
	}
	for _, m := range p.members {
		<-m.done
	}
}

func (p *party) whole() []*member { return p.members[:p.found.Whole] }

func (p *party) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.settle, p.idle, p.decide, p.blow} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until no quota has changed for some beats. Members for which this
// machine is too slow may never come to that.
func (p *party) settle(ctx context.Context) error {
	for end, last := time.Now().Add(p.settled), -1; time.Now().Before(end); {
		now, _ := p.swaps()
		if now == last {
			return nil
		}
		last = now
		if err := command.Pause(ctx, p.settled/5); err != nil {
			return err
		}
	}
	return nil
}

func (p *party) swaps() (all, conflicts int) {
	for _, m := range p.whole() {
		all += int(m.store.swaps.Load())
		conflicts += int(m.store.conflicts.Load())
	}
	return all, conflicts
}

// idle is the traffic while nothing happens.
func (p *party) idle(ctx context.Context) error {
	before, err := p.redis.usage(ctx)
	if err != nil {
		return err
	}
	beats := -p.beats()
	if err := command.Pause(ctx, p.rest); err != nil {
		return err
	}
	after, err := p.redis.usage(ctx)
	if err != nil {
		return err
	}
	f, used, each := &p.found, after.since(before), float64(max(1, beats+p.beats()))
	f.Beats = each / float64(f.Members) / used.took.Seconds()
	f.In, f.Out, f.Redis, f.Member = used.in/each, used.out/each, used.redis/each, used.own/each
	f.Report, f.State = int(p.members[0].store.report.Load()), int(p.members[0].store.state.Load())
	return nil
}

func (p *party) beats() (n int) {
	for _, m := range p.members {
		n += int(m.beats.Load())
	}
	return n
}

// decide makes decisions at rest.
func (p *party) decide(ctx context.Context) (err error) {
	p.found.Quiet, err = p.decideAll(ctx)
	return err
}

// blow makes decisions while all quotas change at each beat.
func (p *party) blow(ctx context.Context) error {
	p.stormy.Store(true)
	f := &p.found
	swaps, conflicts := p.swaps()
	if err := command.Pause(ctx, p.storm); err != nil {
		return err
	}
	f.Swaps, f.Conflicts = p.swaps()
	f.Swaps, f.Conflicts = f.Swaps-swaps, f.Conflicts-conflicts
	var err error
	f.Storm, err = p.decideAll(ctx)
	return err
}

// decideAll has them made one after the other, each by another member. One that had
// conflicts too often is made again.
func (p *party) decideAll(ctx context.Context) (spread, error) {
	var all []float64
	for i := 0; len(all) < p.decisions; i++ {
		took, err := p.decision(ctx, p.members[i%p.found.Whole])
		switch {
		case errors.Is(err, cluster.ErrConflict):
			continue
		case err != nil:
			return spread{}, err
		}
		all = append(all, took.Seconds())
	}
	slices.Sort(all)
	return spread{Median: all[len(all)/2], Most: all[len(all)-1]}, nil
}

// decision is how long it takes until all know one.
func (p *party) decision(ctx context.Context, by *member) (time.Duration, error) {
	known := make(chan time.Time, p.found.Whole)
	began := time.Now()
	err := by.Decide(ctx, false, func(_ cluster.View, s *cluster.State) error {
		stamp := by.Stamp()
		for _, m := range p.whole() {
			m.look(stamp, known)
		}
		s.Rebalance = cluster.Rebalance{Stamp: stamp, Rate: 20}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var last time.Time
	for range p.whole() {
		select {
		case last = <-known:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return last.Sub(began), nil
}
