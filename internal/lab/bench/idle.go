//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/node"
	"fermata/internal/lab/bench/proc"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// idle measures what clients cost that say nothing.
func (b *bench) idle(ctx context.Context, p rival.Program, transport string) error {
	counts := b.idleCounts()
	if p.Name == direct {
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

// idleCounts are 1,000 and 9,000 clients, or the same parts of fewer.
func (b *bench) idleCounts() []int {
	return slices.Compact([]int{max(1, b.clients/9), b.clients})
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
	if err := command.Pause(ctx, b.settle*3/4); err != nil {
		return err
	}
	before, err := r.memory()
	if err != nil {
		return err
	}
	if _, err := b.open(ctx, r, load.Open{Clients: count, TLS: transport == "tls"}); err != nil {
		return err
	}
	if err := command.Pause(ctx, b.settle); err != nil {
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
	return b.afterBig(ctx, r, transport, count, before)
}

func (b *bench) addMemory(name, title, transport string, count int, r *running, bytes int64) {
	memoryPanel := 0
	if count == b.clients {
		memoryPanel = panel(name + "/" + transport)
	}
	b.report.Add(report.Row{
		Name:  fmt.Sprintf("%s/%s/%d", name, transport, count),
		Title: fmt.Sprintf("%s, %s, %d clients", title, spoken(transport), count),
		Unit:  "KiB",
		Panel: memoryPanel,
	}, r.name, float64(bytes)/1024/float64(count))
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

// afterBig measures the memory once each client has received a big message.
func (b *bench) afterBig(ctx context.Context, r *running, transport string, count int, before memory) error {
	if err := b.broadcast(ctx, r, node.Broadcast{Size: bigSize, Times: 1}, count); err != nil {
		return err
	}
	if err := command.Pause(ctx, b.settle/2); err != nil {
		return err
	}
	after, err := r.memory()
	b.addMemory("after16k", "the same after a 16 KiB message", transport, count, r, after.process-before.process)
	return err
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
			growth := most.Median(column) / least.Median(column)
			if !math.IsNaN(growth) && !math.IsInf(growth, 0) { // so few clients may have cost nothing
				b.report.Add(report.Row{Name: "flat/" + t, Title: title, Unit: "×"}, column, growth)
			}
		}
	}
}
