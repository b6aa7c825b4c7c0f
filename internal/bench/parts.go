//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fermata/internal/bench/load"
	"fermata/internal/bench/node"
	"fermata/internal/bench/proc"
	"fermata/internal/bench/report"
)

// part is work that can be run by name; it adds rows to the report.
type part struct {
	name   string
	rounds func(*bench) int
	run    func(context.Context, *bench, proxy) error
}

// transports are what every part does once each.
var transports = []string{"plain", "tls"}

func allParts() []part {
	once := func(b *bench) int { return min(b.rounds, 1) }
	every := func(b *bench) int { return b.rounds }
	var parts []part
	for _, t := range transports {
		parts = append(parts, part{"idle/" + t, once, func(ctx context.Context, b *bench, p proxy) error { return b.idle(ctx, p, t) }})
	}
	for _, t := range transports {
		parts = append(parts, part{"traffic/" + t, every, func(ctx context.Context, b *bench, p proxy) error { return b.traffic(ctx, p, t) }})
	}
	for _, t := range transports {
		parts = append(parts, part{"new/" + t, every, func(ctx context.Context, b *bench, p proxy) error { return b.newcomers(ctx, p, t) }})
	}
	return parts
}

// partsNamed are the parts with one of these names, or whose name begins with
// one and a slash; all where there are no names.
func partsNamed(names []string) ([]part, error) {
	all := allParts()
	if len(names) == 0 {
		return all, nil
	}
	matches := func(p part, name string) bool { return p.name == name || strings.HasPrefix(p.name, name+"/") }
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p part) bool { return matches(p, name) }) {
			return nil, fmt.Errorf("got part %q, want idle, traffic or new, with /plain or /tls behind it or without", name)
		}
	}
	return slices.DeleteFunc(all, func(p part) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return matches(p, name) })
	}), nil
}

const (
	messageSize   = 100      // bytes of a small message
	bigSize       = 16 << 10 // bytes of the one that each idle client gets
	broadcastRate = 20000    // messages per second, of all clients together
)

// idle measures what clients cost that say nothing.
func (b *bench) idle(ctx context.Context, p proxy, transport string) error {
	counts := b.idleCounts()
	if p.name == direct {
		counts = counts[len(counts)-1:] // for the kernel's memory
	}
	for _, count := range counts {
		err := b.with(ctx, p, transport == "tls", func(r *running) error {
			return b.idleClients(ctx, r, transport, count)
		})
		if err != nil {
			return fmt.Errorf("%d clients: %w", count, err)
		}
	}
	return nil
}

// idleCounts are 1,000, 4,000 and 9,000 clients, or the same parts of fewer.
func (b *bench) idleCounts() []int {
	return slices.Compact([]int{max(1, b.clients/9), max(1, b.clients*4/9), b.clients})
}

// memory is what a process and the kernel hold, in bytes.
type memory struct {
	process, kernel int64
	kernelErr       error // only root can see the kernel's
}

func (r *running) memory() (m memory, err error) {
	m.kernel, m.kernelErr = proc.Sockets()
	m.process, err = proc.PSS(r.pids)
	return m, err
}

func (b *bench) idleClients(ctx context.Context, r *running, transport string, count int) error {
	before, err := r.memory()
	if err != nil {
		return err
	}
	if _, err := b.open(ctx, r, load.Open{Clients: count, TLS: transport == "tls"}); err != nil {
		return err
	}
	if err := pause(ctx, b.settle); err != nil {
		return err
	}
	after, err := r.memory()
	if err != nil {
		return err
	}
	if count == b.clients {
		b.addKernel(r, transport, count, before, after)
	}
	if r.pids == nil {
		return nil
	}
	b.addMemory("memory", "memory per idle client", transport, count, r, after.process-before.process)
	if count == b.clients {
		if err := b.rest(ctx, r, transport); err != nil {
			return err
		}
	}
	return b.afterBig(ctx, r, transport, count, before)
}

func (b *bench) addMemory(name, title, transport string, count int, r *running, bytes int64) {
	b.report.Add(report.Row{
		Name:  fmt.Sprintf("%s/%s/%d", name, transport, count),
		Title: fmt.Sprintf("%s, %s, %d clients", title, spoken(transport), count),
		Unit:  "KiB",
		Chart: name == "memory" && count == b.clients,
	}, r.name, float64(bytes)/1024/float64(count))
}

func spoken(transport string) string {
	if transport == "tls" {
		return "TLS"
	}
	return transport
}

// addKernel adds what the kernel holds for a client's two sockets in the
// proxy: all of the client's sockets, less those of a client without a proxy.
func (b *bench) addKernel(r *running, transport string, count int, before, after memory) {
	if before.kernelErr != nil {
		b.report.Remark("the kernel's memory is not shown: %v", before.kernelErr)
		return
	}
	each := float64(after.kernel-before.kernel) / 1024 / float64(count)
	title := "kernel memory per client, the proxy's sockets, " + spoken(transport)
	if r.pids == nil {
		b.kernel = each
		return
	}
	if b.kernel > 0 {
		b.report.Add(report.Row{Name: "kernel/" + transport, Title: title, Unit: "KiB"}, r.name, each-b.kernel)
	}
}

// rest measures the CPU time that idle clients cost.
func (b *bench) rest(ctx context.Context, r *running, transport string) error {
	c, err := b.measure(r, func() error { return pause(ctx, b.duration*5/2) })
	b.report.Add(report.Row{
		Name:  "rest/" + transport,
		Title: fmt.Sprintf("CPU at rest, %s, %d clients", spoken(transport), b.clients),
		Unit:  "ms/s",
	}, r.name, c.proxy.Seconds()*1000/c.wall.Seconds())
	return err
}

// afterBig measures the memory once each client has received a big message.
func (b *bench) afterBig(ctx context.Context, r *running, transport string, count int, before memory) error {
	if err := b.broadcast(ctx, node.Broadcast{Size: bigSize, Times: 1}, count); err != nil {
		return err
	}
	if err := pause(ctx, b.settle/2); err != nil {
		return err
	}
	after, err := r.memory()
	b.addMemory("after16k", "the same after a 16 KiB message", transport, count, r, after.process-before.process)
	return err
}

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
	number := int(b.duration.Seconds() * float64(b.rate))
	var t load.Tripped
	c, err := b.measure(r, func() error {
		return b.load.Call(ctx, "Trip", load.Trips{Rate: b.rate, Number: number, Size: messageSize}, &t)
	})
	if err != nil {
		return err
	}
	what := "round trips, " + spoken(transport)
	b.watch(c, what, r.name)
	if t.Behind > 0.02 {
		b.report.Remark("%s, %s: the load generator fell %.0f %% behind its schedule", what, r.name, t.Behind*100)
	}
	if t.Late > t.P99/2 {
		b.report.Remark("%s, %s: the load generator was late by %v (p99)", what, r.name, t.Late.Round(time.Microsecond))
	}
	b.addCPU(r, "trip/"+transport, "CPU per round trip, "+spoken(transport), true, c.proxy, number)
	for _, q := range []struct {
		name  string
		value time.Duration
	}{{"p50", t.P50}, {"p99", t.P99}, {"p99.9", t.P999}} {
		b.report.Add(report.Row{
			Name:  "latency/" + transport + "/" + q.name,
			Title: fmt.Sprintf("round trip %s at %d/s, %s", q.name, b.rate, spoken(transport)),
			Unit:  "µs",
			Chart: q.name == "p99",
		}, r.name, microseconds(q.value))
	}
	return nil
}

func microseconds(d time.Duration) float64 { return d.Seconds() * 1e6 }

// addCPU adds a proxy's CPU time for each of a number of events.
func (b *bench) addCPU(r *running, name, title string, chart bool, cpu time.Duration, number int) {
	if r.pids != nil {
		b.report.Add(report.Row{Name: name, Title: title, Unit: "µs", Chart: chart}, r.name, microseconds(cpu)/float64(number))
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
	b.addCPU(r, "broadcast/"+transport, "CPU per broadcast message, "+spoken(transport), true, c.proxy, m.Times*clients)
	return nil
}

// newcomers measures what it costs to open clients, in a storm.
func (b *bench) newcomers(ctx context.Context, p proxy, transport string) error {
	if p.name == direct {
		return nil
	}
	return b.with(ctx, p, transport == "tls", func(r *running) error {
		if transport == "plain" {
			return b.storm(ctx, r, "new/plain", "CPU per new client, plain", load.Open{})
		}
		if err := b.storm(ctx, r, "new/tls", "CPU per new client, TLS full", load.Open{TLS: true}); err != nil {
			return err
		}
		resume := load.Open{Clients: 1, TLS: true, Resume: true}
		if _, err := b.open(ctx, r, resume); err != nil { // for its ticket
			return err
		}
		return b.storm(ctx, r, "new/resumed", "CPU per new client, TLS resumed", resume)
	})
}

func (b *bench) storm(ctx context.Context, r *running, name, title string, o load.Open) error {
	o.Clients = max(1, b.clients*2/9)
	var opened load.Opened
	c, err := b.measure(r, func() (err error) {
		opened, err = b.open(ctx, r, o)
		return err
	})
	if err != nil {
		return err
	}
	if o.Resume && opened.Resumed < o.Clients {
		b.report.Remark("%s, %s: %d of %d sessions were resumed", title, r.name, opened.Resumed, o.Clients)
	}
	b.addCPU(r, name, title, true, c.proxy, o.Clients)
	return errors.Join(b.closeAll(ctx), pause(ctx, b.settle/4))
}

// deriveFlatness adds how much more a client costs among many than among few.
func (b *bench) deriveFlatness() {
	counts := b.idleCounts()
	few, many := counts[0], counts[len(counts)-1]
	for _, t := range transports {
		least, most := b.report.Row(fmt.Sprintf("memory/%s/%d", t, few)), b.report.Row(fmt.Sprintf("memory/%s/%d", t, many))
		if least == nil || most == nil || few == many {
			continue
		}
		title := fmt.Sprintf("memory per idle client, %s, %d to %d clients", spoken(t), few, many)
		for _, column := range b.report.Columns {
			if growth := most.Median(column) / least.Median(column); !math.IsNaN(growth) {
				b.report.Add(report.Row{Name: "flat/" + t, Title: title, Unit: "×"}, column, growth)
			}
		}
	}
}
