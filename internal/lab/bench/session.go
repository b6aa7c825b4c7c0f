//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// withSessions is the column of Fermata with an app in its configuration, whose
// clients have sessions.
const withSessions = "sessions"

const (
	sessionsFile = "sessions.yaml" // its configuration
	appSecret    = "bench-secret"
)

// both are Fermata without an app and with one; none where Fermata is not wanted.
// Their clients do the same.
func (b *bench) both() []rival.Program {
	fermata, ok := b.fermata()
	if !ok {
		return nil
	}
	b.report.Column(withSessions)
	return []rival.Program{fermata, fermata.As(withSessions, sessionsFile)}
}

// addSession adds a row that compares both.
func (b *bench) addSession(name, title, unit, column string, value float64) {
	b.report.Add(report.Row{Name: "session/" + name, Title: title, Unit: unit, Rivals: []string{rival.Fermata}}, column, value)
}

// sessionMemory measures what idle clients cost that have three subscriptions, of
// the app that one of both knows, and of one that nobody knows.
func (b *bench) sessionMemory(ctx context.Context, part string) error {
	both := b.both()
	for _, of := range []struct{ name, title, app string }{
		{"memory", "memory per idle client with 3 subscriptions", ""},
		{"unknown", "the same, of an app that is not known", "stranger"},
	} {
		err := b.oneByOne(ctx, part, both, func(p rival.Program) error {
			return b.with(ctx, p, false, func(r *running) error {
				each, err := b.subscribed(ctx, r, load.Open{App: of.app, Clients: b.clients, Secret: appSecret})
				b.addSession(of.name, of.title, "KiB", r.name, each)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// subscribed is the memory that a client takes, in KiB. What is done only once is
// done before, by a few.
func (b *bench) subscribed(ctx context.Context, r *running, o load.Open) (each float64, err error) {
	o.App = cmp.Or(o.App, r.name)
	goAway := func() error { return b.load.Call(ctx, "Close", o.App, new(int)) }
	defer func() { err = errors.Join(err, goAway()) }()
	first := o
	first.Clients = 10 * few
	if _, err := b.open(ctx, r, first); err != nil {
		return 0, err
	}
	if err := errors.Join(goAway(), command.Pause(ctx, b.settle*3/2)); err != nil {
		return 0, err
	}
	before, err := r.memory()
	if err != nil {
		return 0, err
	}
	if _, err := b.open(ctx, r, o); err != nil {
		return 0, err
	}
	if err := command.Pause(ctx, 2*b.settle); err != nil { // on a busy machine it is late that memory is given back
		return 0, err
	}
	after, err := r.memory()
	return float64(after.process-before.process) / 1024 / float64(o.Clients), err
}

// sessionTraffic measures round trips and broadcasts as traffic does, with both at
// the same time. They differ by little, so that it takes longer.
func (b *bench) sessionTraffic(ctx context.Context, part string) error {
	p := &paired{bench: b, part: part, transport: "plain", proxies: b.both(), clients: max(1, b.clients*2/9), secret: appSecret}
	defer p.endAll(ctx)
	if err := p.launchAll(ctx); err != nil {
		return err
	}
	if err := command.Pause(ctx, b.settle/4); err != nil {
		return err
	}
	number, each := turnsOf(2 * b.duration)
	if err := p.turns(ctx, number, func(c *contender) error { return p.tripTurn(ctx, c, each) }); err != nil {
		return err
	}
	if err := p.turns(ctx, number, func(c *contender) error { return p.broadcastTurn(ctx, c, each) }); err != nil {
		return err
	}
	for _, c := range p.contenders {
		p.addSessionTally(c, "trip", "CPU per round trip with 3 subscriptions", c.trips)
		p.addSessionTally(c, "broadcast", "CPU per broadcast message with 3 subscriptions", c.broadcasts)
	}
	return nil
}

func (p *paired) addSessionTally(c *contender, name, title string, t tally) {
	p.strangers = append(p.strangers, t.strangers())
	p.addSession(name, title, "µs", c.name, microseconds(t.proxy)/float64(t.events))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
