//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/node"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
)

// traffic measures round trips at a fixed rate, and broadcasts.
func (b *bench) traffic(ctx context.Context, part, transport string) error {
	p := &paired{bench: b, part: part, transport: transport, proxies: b.proxies, clients: max(1, b.clients*2/9)}
	defer p.endAll(ctx)
	if err := p.launchAll(ctx); err != nil {
		return err
	}
	if err := command.Pause(ctx, b.settle/4); err != nil {
		return err
	}
	number, each := turnsOf(b.duration)
	if err := p.turns(ctx, number, func(c *contender) error { return p.tripTurn(ctx, c, each) }); err != nil {
		return err
	}
	p.addTrips()
	number, each = turnsOf(b.duration / 2)
	if err := p.turns(ctx, number, func(c *contender) error { return p.broadcastTurn(ctx, c, each) }); err != nil {
		return err
	}
	p.addBroadcasts()
	return nil
}

// tripTurn makes round trips for one turn.
func (p *paired) tripTurn(ctx context.Context, c *contender, d time.Duration) error {
	trips := load.Trips{App: c.name, Rate: p.rate, Number: max(1, int(d.Seconds()*float64(p.rate))), Size: messageSize}
	var t load.Tripped
	if err := p.add(ctx, c, &c.trips, trips.Number, func() error { return p.load.Call(ctx, "Trip", trips, &t) }); err != nil {
		return err
	}
	c.tripped = append(c.tripped, t)
	return nil
}

// broadcastTurn sends messages to all of the contender's clients for one turn.
func (p *paired) broadcastTurn(ctx context.Context, c *contender, d time.Duration) error {
	interval := time.Duration(p.clients) * time.Second / broadcastRate
	m := node.Broadcast{Size: messageSize, Times: max(1, int(d/interval)), Interval: interval}
	return p.add(ctx, c, &c.broadcasts, m.Times*p.clients, func() error { return p.broadcast(ctx, c.running, m, p.clients) })
}

func (p *paired) addTrips() {
	what := "round trips, " + spoken(p.transport)
	for _, c := range p.contenders {
		p.watch(c.trips.cost, what, c.name)
		p.watchSchedule(c, what)
		p.addLatencies(c)
		p.addTally(c, "trip/"+p.transport, "CPU per round trip, "+spoken(p.transport), c.trips)
	}
}

func (p *paired) addBroadcasts() {
	for _, c := range p.contenders {
		p.watch(c.broadcasts.cost, "broadcast, "+spoken(p.transport), c.name)
		p.addTally(c, "broadcast/"+p.transport, "CPU per broadcast message, "+spoken(p.transport), c.broadcasts)
	}
}

func (p *paired) addTally(c *contender, name, title string, t tally) {
	p.strangers = append(p.strangers, t.strangers())
	p.addCPU(c.running, name, title, t.proxy, t.events)
}

// median is that of what each turn's round trips have.
func (c *contender) median(of func(load.Tripped) float64) float64 {
	var values []float64
	for _, t := range c.tripped {
		values = append(values, of(t))
	}
	return report.Median(values)
}

// percentile is the median of the turns' own percentiles. That of all round
// trips together would be the machine's: one stall of a tenth of a second, which
// hits one proxy or another, is the slowest hundredth of ten seconds. The price
// is that a proxy's own stalls do not show here unless every other turn has one;
// see pooled.
func (c *contender) percentile(p float64) float64 {
	return c.median(func(t load.Tripped) float64 { return microseconds(report.Percentile(t.Trips, p)) })
}

// pooled is the percentile of all turns' round trips together, with what
// happened in a few of them only: the proxy's own stalls, and the machine's.
func (c *contender) pooled(p float64) float64 {
	var all []time.Duration
	for _, t := range c.tripped {
		all = append(all, t.Trips...)
	}
	slices.Sort(all)
	return microseconds(report.Percentile(all, p))
}

func (p *paired) addLatencies(c *contender) {
	p.addLatency(c, "p50", c.percentile(0.5))
	p.addLatency(c, "p99", c.percentile(0.99))
	p.addLatency(c, "p99.9", c.pooled(0.999))
}

func (p *paired) addLatency(c *contender, quantile string, latency float64) {
	name := "latency/" + p.transport + "/" + quantile
	p.report.Add(report.Row{
		Name:  name,
		Title: fmt.Sprintf("round trip %s at %d/s, %s", quantile, p.rate, spoken(p.transport)),
		Unit:  "µs",
		Panel: panel(name),
	}, c.name, latency)
}

// watchSchedule remarks when the load generator was what made trips long.
func (p *paired) watchSchedule(c *contender, what string) {
	if behind := c.median(func(t load.Tripped) float64 { return t.Behind }); behind > 0.02 {
		p.report.Remark("%s, %s: the load generator fell %.0f %% behind its schedule", what, c.name, behind*100)
	}
	if late := c.median(func(t load.Tripped) float64 { return microseconds(t.Late) }); late > c.percentile(0.99)/2 {
		p.report.Remark("%s, %s: the load generator sent up to %.0f µs late (p99)", what, c.name, late)
	}
}

func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }

// addCPU adds a proxy's CPU time for each of a number of events.
func (b *bench) addCPU(r *running, name, title string, cpu time.Duration, number int) {
	if r.pids != nil {
		b.report.Add(report.Row{Name: name, Title: title, Unit: "µs", Panel: panel(name)}, r.name, microseconds(cpu)/float64(number))
	}
}

// broadcast returns when every client of a proxy has got every message.
func (b *bench) broadcast(ctx context.Context, r *running, m node.Broadcast, clients int) error {
	m.App = r.name
	got := make(chan error, 1)
	want := load.Receive{App: r.name, Messages: clients * m.Times, Within: 10*time.Second + time.Duration(m.Times)*m.Interval}
	go func() { got <- b.load.Call(ctx, "Receive", want, new(int)) }()
	sent := 0
	err := b.node.Call(ctx, "Broadcast", m, &sent)
	if receiveErr := <-got; err == nil {
		err = receiveErr
	}
	if err == nil && sent != want.Messages {
		err = fmt.Errorf("%d messages came and %d were sent", want.Messages, sent)
	}
	return err
}
