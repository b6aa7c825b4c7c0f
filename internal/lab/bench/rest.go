//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// atRest measures what a storm takes and leaves behind, and what clients cost that
// say nothing.
func (b *bench) atRest(ctx context.Context, p rival.Program, transport string) error {
	if p.Name == direct {
		return nil
	}
	return b.with(ctx, p, transport == "tls", func(r *running) error {
		if err := b.restStorm(ctx, r, transport); err != nil {
			return err
		}
		return b.restIdle(ctx, r, transport)
	})
}

// restIdle measures the CPU time and the context switches that idle clients cost.
func (b *bench) restIdle(ctx context.Context, r *running, transport string) error {
	if _, err := b.open(ctx, r, load.Open{Clients: b.clients, TLS: transport == "tls"}); err != nil {
		return err
	}
	if err := command.Pause(ctx, 2*b.settle); err != nil {
		return err
	}
	c, err := b.measure(r, func() error { return command.Pause(ctx, 3*b.duration) })
	if err != nil {
		return err
	}
	of := fmt.Sprintf("at rest, %s, %d clients", spoken(transport), b.clients)
	seconds := c.wall.Seconds()
	b.addRest(r, transport, "", "CPU "+of, "ms/s", milliseconds(c.proxy)/seconds)
	b.addRest(r, transport, "/switches", "context switches "+of, "1/s", float64(c.switches)/seconds)
	return nil
}

// restStorm measures the threads and the memory that a storm of clients takes, and the
// memory that is left some time after all of them have gone. A few others talk all the
// while: a proxy that gives memory back only when it has nothing to do does not.
func (b *bench) restStorm(ctx context.Context, r *running, transport string) error {
	t, err := b.talk(ctx, r, transport)
	if err != nil {
		return err
	}
	defer t.end()
	if err := command.Pause(ctx, b.settle); err != nil {
		return err
	}
	before, most, err := r.highest(func() error {
		_, err := b.open(ctx, r, load.Open{Clients: b.clients, AtOnce: fullAtOnce, TLS: transport == "tls"})
		return err
	})
	if err != nil {
		return err
	}
	after, err := b.memoryAfter(ctx, r)
	if err != nil {
		return err
	}
	b.addRest(r, transport, "/threads", "threads at most in a storm, 64 at once, "+spoken(transport), "", float64(most.threads))
	b.addRestMemory(r, transport, "before", "before a storm", before.memory)
	b.addRestMemory(r, transport, "most", "at most in it", most.memory)
	b.addRestMemory(r, transport, "after", fmt.Sprintf("%v after a storm's clients have gone, %d talk", b.afterStorm(), talkers), after)
	return t.end()
}

// afterStorm is when memory should be back.
func (b *bench) afterStorm() time.Duration { return 5 * b.settle }

// memoryAfter is what is left some time after a proxy's clients have gone. Before they
// go they stay so long that the storm in which they came is over.
func (b *bench) memoryAfter(ctx context.Context, r *running) (int64, error) {
	if err := command.Pause(ctx, 2*b.settle); err != nil {
		return 0, err
	}
	if err := b.closeAll(ctx, r); err != nil {
		return 0, err
	}
	if err := command.Pause(ctx, b.afterStorm()); err != nil {
		return 0, err
	}
	m, err := r.memory()
	return m.process, err
}

func (b *bench) addRestMemory(r *running, transport, name, when string, bytes int64) {
	b.addRest(r, transport, "/memory-"+name, "memory "+when+", "+spoken(transport), "MiB", float64(bytes)/(1<<20))
}

func (b *bench) addRest(r *running, transport, name, title, unit string, value float64) {
	b.report.Add(report.Row{Name: "rest/" + transport + name, Title: title, Unit: unit, Panel: panel("rest/" + transport + name)}, r.name, value)
}
