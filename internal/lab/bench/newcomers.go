//go:build linux

package main

import (
	"context"
	"errors"
	"slices"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/command"
)

// stormTurns are the turns in which a contender's new clients come.
const stormTurns = 8

// newcomers measures what it costs to open clients, in a storm.
func (b *bench) newcomers(ctx context.Context, part, transport string) error {
	p := &paired{bench: b, part: part, transport: transport, proxies: b.proxies}
	defer p.endAll(ctx)
	if err := p.launchAll(ctx); err != nil {
		return err
	}
	p.contenders = slices.DeleteFunc(p.contenders, func(c *contender) bool { return c.name == direct })
	if transport == "plain" {
		return p.storm(ctx, "new/plain", "CPU per new client, plain", load.Open{})
	}
	if err := p.storm(ctx, "new/tls", "CPU per new client, TLS full", load.Open{TLS: true}); err != nil {
		return err
	}
	if err := p.storm(ctx, "new/x25519", "CPU per new client, TLS full, by X25519 alone", load.Open{TLS: true, X25519: true}); err != nil {
		return err
	}
	resume := load.Open{Clients: 1, TLS: true, Resume: true}
	if err := p.each(ctx, func(c *contender) error { return p.come(ctx, c, resume) }); err != nil { // for its ticket
		return err
	}
	return p.storm(ctx, "new/resumed", "CPU per new client, TLS resumed", resume)
}

// storm opens clients at all contenders, and closes them when all have come.
func (p *paired) storm(ctx context.Context, name, title string, o load.Open) error {
	for _, c := range p.contenders {
		c.arrivals, c.resumed = tally{}, 0
	}
	o.Clients = max(1, p.bench.clients*2/9/stormTurns)
	if err := p.turns(ctx, stormTurns, func(c *contender) error {
		return p.add(ctx, c, &c.arrivals, o.Clients, func() error { return p.come(ctx, c, o) })
	}); err != nil {
		return err
	}
	for _, c := range p.contenders {
		if o.Resume && c.resumed < c.arrivals.events {
			p.report.Remark("%s, %s: %d of %d sessions were resumed", title, c.name, c.resumed, c.arrivals.events)
		}
		p.addTally(c, name, title, c.arrivals)
	}
	return errors.Join(p.each(ctx, func(c *contender) error { return p.closeAll(ctx, c.running) }), command.Pause(ctx, p.settle/4))
}

// come opens clients at one contender.
func (p *paired) come(ctx context.Context, c *contender, o load.Open) error {
	opened, err := p.open(ctx, c.running, o)
	c.resumed += opened.Resumed
	return err
}
