//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// withPace is the column of Fermata with the limits that it has by default: a node
// gets no more than so many upgrades a second.
const (
	withPace  = "paced"
	pacedFile = "paced.yaml" // its configuration
)

// What users have most of the time, and what they have at the worst.
const (
	calmNew    = 250 // new clients a second
	calmTrips  = 500 // round trips a second
	fullAtOnce = 64  // clients that come, or round trips that are under way, at the same time
)

// usual measures what clients cost as users run it: at low rates and at full load,
// with Fermata's nodes paced, too.
func (b *bench) usual(ctx context.Context, part, transport string) error {
	p := &paired{bench: b, part: part, transport: transport, proxies: b.withPaced(), clients: max(1, b.clients/9)}
	defer p.endAll(ctx)
	if err := p.launchAll(ctx); err != nil {
		return err
	}
	return errors.Join(p.usualTrips(ctx), p.usualNewcomers(ctx))
}

// withPaced are the proxies that are wanted, and the paced Fermata.
func (b *bench) withPaced() []rival.Program {
	fermata, ok := b.fermata()
	if !ok {
		return b.proxies
	}
	b.report.Column(withPace)
	return append(slices.Clone(b.proxies), fermata.As(withPace, pacedFile))
}

func (p *paired) usualTrips(ctx context.Context) error {
	calm := load.Trips{Rate: calmTrips, Number: max(1, int(turn.Seconds()*calmTrips)), Size: messageSize}
	busy := load.Trips{Rate: p.rate, Number: max(1, int(turn.Seconds()*float64(p.rate))), Size: messageSize}
	full := busy
	full.AtOnce = fullAtOnce
	for _, of := range []struct {
		name, title string
		load.Trips
	}{{"calm-trip", "round trip at 500/s", calm}, {"busy-trip", fmt.Sprintf("round trip at %d/s", p.rate), busy}, {"full-trip", "round trip, 64 at once", full}} {
		if err := p.usualTrip(ctx, of.Trips); err != nil {
			return err
		}
		for _, c := range p.contenders {
			p.addUsual(c, of.name, "CPU per "+of.title, "µs", perEvent(c.trips))
			p.addUsual(c, of.name+"-p99", of.title+", p99", "µs", c.percentile(0.99))
		}
	}
	return nil
}

// usualTrip has each contender do round trips in turns.
func (p *paired) usualTrip(ctx context.Context, t load.Trips) error {
	for _, c := range p.contenders {
		c.trips, c.tripped = tally{}, nil
	}
	number, _ := turnsOf(p.duration)
	return p.turns(ctx, number, func(c *contender) error {
		t.App = c.name
		var tripped load.Tripped
		err := p.add(ctx, c, &c.trips, t.Number, func() error { return p.load.Call(ctx, "Trip", t, &tripped) })
		c.tripped = append(c.tripped, tripped)
		return err
	})
}

func (p *paired) usualNewcomers(ctx context.Context) error {
	p.contenders = slices.DeleteFunc(p.contenders, func(c *contender) bool { return c.name == direct })
	calm := load.Open{Clients: max(1, int(turn.Seconds()*calmNew)), PerSecond: calmNew}
	storm := load.Open{Clients: max(1, p.bench.clients/9), AtOnce: fullAtOnce}
	number, _ := turnsOf(p.duration)
	if err := p.usualArrivals(ctx, "calm-new", "new client at 250/s", number, calm); err != nil {
		return err
	}
	if err := p.usualArrivals(ctx, "storm", "new client, 64 at once", stormTurns/2, storm); err != nil || p.transport == "plain" {
		return err
	}
	return p.usualX25519(ctx, number, calm, storm)
}

// usualX25519 has clients come who leave the proxies no choice: by then all of them do the
// same key exchange.
func (p *paired) usualX25519(ctx context.Context, number int, calm, storm load.Open) error {
	calm.X25519, storm.X25519 = true, true
	return errors.Join(
		p.usualArrivals(ctx, "calm-new-x25519", "new client at 250/s, by X25519 alone", number, calm),
		p.usualArrivals(ctx, "storm-x25519", "new client, 64 at once, by X25519 alone", stormTurns/2, storm))
}

// usualArrivals opens clients at all contenders in turns. They go after each turn,
// which is no part of it.
func (p *paired) usualArrivals(ctx context.Context, name, title string, turns int, o load.Open) error {
	o.TLS = p.transport == "tls"
	for _, c := range p.contenders {
		c.arrivals = tally{}
	}
	if err := p.turns(ctx, turns, func(c *contender) error {
		err := p.add(ctx, c, &c.arrivals, o.Clients, func() error { return p.come(ctx, c, o) })
		return errors.Join(err, p.closeAll(ctx, c.running), command.Pause(ctx, rest))
	}); err != nil {
		return err
	}
	for _, c := range p.contenders {
		p.addUsual(c, name, "CPU per "+title, "µs", perEvent(c.arrivals))
		p.addUsual(c, name+"-switches", "context switches per "+title, "", float64(c.arrivals.switches)/float64(c.arrivals.events))
	}
	return nil
}

// rest is for what clients leave behind who have gone.
const rest = 50 * time.Millisecond

// perEvent is what the proxy took for each, in microseconds.
func perEvent(t tally) float64 { return microseconds(t.proxy) / float64(t.events) }

func (p *paired) addUsual(c *contender, name, title, unit string, value float64) {
	if c.pids == nil && value == 0 {
		return
	}
	name = "usual/" + p.transport + "/" + name
	p.report.Add(report.Row{Name: name, Title: title + ", " + spoken(p.transport), Unit: unit, Panel: panel(name)}, c.name, value)
}
