//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"fermata/internal/bench/load"
	"fermata/internal/bench/node"
	"fermata/internal/bench/report"
)

// broadcast returns when every client has got every message.
func (b *bench) broadcast(ctx context.Context, m node.Broadcast, clients int) error {
	got := make(chan error, 1)
	want := load.Receive{Messages: clients * m.Times, Within: 10*time.Second + time.Duration(m.Times)*m.Interval}
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

// traffic measures round trips at a fixed rate, and broadcasts.
func (b *bench) traffic(ctx context.Context, p proxy, transport string) error {
	clients := max(1, b.clients*4/9)
	return b.with(ctx, p, transport == "tls", func(r *running) error {
		if _, err := b.open(ctx, r, load.Open{Clients: clients, TLS: transport == "tls"}); err != nil {
			return err
		}
		if err := pause(ctx, b.settle/4); err != nil {
			return err
		}
		if err := b.trips(ctx, r, transport); err != nil {
			return err
		}
		return b.broadcasts(ctx, r, transport, clients)
	})
}

func (b *bench) trips(ctx context.Context, r *running, transport string) error {
	number := max(1, int(b.duration.Seconds()*float64(b.rate)))
	var t load.Tripped
	c, err := b.measure(r, func() error {
		return b.load.Call(ctx, "Trip", load.Trips{Rate: b.rate, Number: number, Size: messageSize}, &t)
	})
	if err != nil {
		return err
	}
	b.watch(c, "round trips, "+spoken(transport), r.name)
	b.watchSchedule(t, "round trips, "+spoken(transport), r.name)
	b.addCPU(r, "trip/"+transport, "CPU per round trip, "+spoken(transport), c.proxy, number)
	b.addLatency(r, transport, "p50", t.P50, 0)
	b.addLatency(r, transport, "p99", t.P99, panel("latency", transport))
	b.addLatency(r, transport, "p99.9", t.P999, 0)
	return nil
}

// watchSchedule remarks when the load generator was what made a trip long.
func (b *bench) watchSchedule(t load.Tripped, what, name string) {
	if t.Behind > 0.02 {
		b.report.Remark("%s, %s: the load generator fell %.0f %% behind its schedule", what, name, t.Behind*100)
	}
	if t.Late > t.P99/2 {
		b.report.Remark("%s, %s: the load generator sent up to %v late (p99)", what, name, t.Late.Round(time.Microsecond))
	}
}

func (b *bench) addLatency(r *running, transport, quantile string, latency time.Duration, panel int) {
	b.report.Add(report.Row{
		Name:  "latency/" + transport + "/" + quantile,
		Title: fmt.Sprintf("round trip %s at %d/s, %s", quantile, b.rate, spoken(transport)),
		Unit:  "µs",
		Panel: panel,
	}, r.name, microseconds(latency))
}

func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }

// addCPU adds a proxy's CPU time for each of a number of events. A name is
// KIND/TRANSPORT.
func (b *bench) addCPU(r *running, name, title string, cpu time.Duration, number int) {
	if r.pids != nil {
		kind, transport, _ := strings.Cut(name, "/")
		b.report.Add(report.Row{Name: name, Title: title, Unit: "µs", Panel: panel(kind, transport)}, r.name, microseconds(cpu)/float64(number))
	}
}

func (b *bench) broadcasts(ctx context.Context, r *running, transport string, clients int) error {
	interval := time.Duration(clients) * time.Second / broadcastRate
	m := node.Broadcast{Size: messageSize, Times: max(1, int(b.duration/2/interval)), Interval: interval}
	c, err := b.measure(r, func() error { return b.broadcast(ctx, m, clients) })
	if err != nil {
		return err
	}
	b.watch(c, "broadcast, "+spoken(transport), r.name)
	b.addCPU(r, "broadcast/"+transport, "CPU per broadcast message, "+spoken(transport), c.proxy, m.Times*clients)
	return nil
}
