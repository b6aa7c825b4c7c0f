//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fermata/internal/bench/child"
	"fermata/internal/bench/load"
	"fermata/internal/bench/proc"
	"fermata/internal/bench/report"
	"fermata/internal/certs"
)

// bench is one run of the benchmark.
type bench struct {
	options
	progress io.Writer
	report   *report.Report
	proxies  []proxy
	at       place
	node     *child.Child
	load     *child.Child
	// kernel is what the kernel holds for each client of the nodes alone, in
	// KiB; 0 until measured.
	kernel float64
	// strangers are the cores that other programs took, by measurement.
	strangers []float64
}

// run measures all that the options want.
func (b *bench) run(ctx context.Context) (*report.Report, error) {
	dir, err := os.MkdirTemp("", "fermata-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	stop, err := b.prepare(ctx, dir)
	defer stop()
	if err != nil {
		return nil, err
	}
	for round := range b.rounds {
		for _, part := range b.parts {
			if err := b.runPart(ctx, part, round); err != nil {
				return nil, err
			}
		}
	}
	b.deriveFlatness()
	b.remarkStrangers()
	b.report.Took = time.Since(b.report.Began)
	return b.report, nil
}

// prepare finds the proxies, and starts the nodes and the load generator,
// which stop stops, also upon an error.
func (b *bench) prepare(ctx context.Context, dir string) (stop func(), err error) {
	stop = func() {
		for _, c := range []*child.Child{b.load, b.node} {
			if c != nil {
				c.Stop()
			}
		}
	}
	if err := b.findProxies(ctx, dir); err != nil {
		return stop, err
	}
	if err := b.writeCertificate(dir); err != nil {
		return stop, err
	}
	if b.node, err = child.Start(ctx, "node"); err != nil {
		return stop, err
	}
	if b.load, err = child.Start(ctx, "load"); err != nil {
		return stop, err
	}
	hosts := []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"}
	return stop, b.node.Call(ctx, "Listen", hosts, &b.at.Nodes)
}

// findProxies leaves out those that are not there.
func (b *bench) findProxies(ctx context.Context, dir string) error {
	r := &report.Report{Began: time.Now(), Machine: machine(), Rivals: rivals, Versions: map[string]string{}}
	b.report = r
	wanted := b.proxies
	b.proxies = nil
	for _, p := range wanted {
		if err := p.find(ctx, dir, b.fermata); err != nil {
			if p.name == "fermata" {
				return err
			}
			r.Remark("%v", err)
			continue
		}
		b.proxies = append(b.proxies, p)
		r.Columns = append(r.Columns, p.name)
		r.Versions[p.name] = p.tellVersion(ctx)
	}
	return nil
}

func (b *bench) writeCertificate(dir string) error {
	pair, err := certs.WriteSelfSigned(dir, []string{"bench.example", "127.0.0.1"}, time.Now())
	if err != nil {
		return err
	}
	b.at.Dir, b.at.Cert, b.at.Key, b.at.Both = dir, pair.Cert, pair.Key, filepath.Join(dir, "both.pem")
	cert, err := os.ReadFile(pair.Cert)
	key, err2 := os.ReadFile(pair.Key)
	return errors.Join(err, err2, os.WriteFile(b.at.Both, slices.Concat(cert, key), 0o600))
}

// runPart gives each proxy the part's work in turn. One that fails is left out
// of it, with a remark.
func (b *bench) runPart(ctx context.Context, part part, round int) error {
	if round >= part.rounds(b) {
		return nil
	}
	began := time.Now()
	fmt.Fprintf(b.progress, "round %d, %s:", round+1, part.name)
	for _, p := range slices.Backward(b.proxies) { // direct first: others are compared with it
		fmt.Fprintf(b.progress, " %s", p.name)
		if err := part.run(ctx, b, p); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			b.report.Remark("%s, %s: %v", part.name, p.name, err)
			fmt.Fprintf(b.progress, " (failed)")
		}
	}
	fmt.Fprintf(b.progress, " %v\n", time.Since(began).Round(time.Second))
	return nil
}

// with runs a fresh proxy that has served a few clients, so that what it does
// only once is done, and stops it after work.
func (b *bench) with(ctx context.Context, p proxy, tls bool, work func(*running) error) (err error) {
	r, err := p.start(b.at)
	if err != nil {
		return err
	}
	defer r.stop()
	defer func() {
		err = errors.Join(err, b.closeAll(ctx))
		if text := r.said(); err != nil && text != "" {
			err = fmt.Errorf("%w\n%s", err, text)
		}
	}()
	if err := b.warm(ctx, r, tls); err != nil {
		return err
	}
	return work(r)
}

// warm waits until a proxy answers, and has it serve a few clients.
func (b *bench) warm(ctx context.Context, r *running, tls bool) error {
	const few = 16
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("it did not answer within 10s"))
	defer cancel()
	for {
		_, err := b.open(ctx, r, load.Open{Clients: few, TLS: tls})
		if err == nil {
			break
		}
		if closeErr := b.closeAll(ctx); closeErr != nil {
			return errors.Join(closeErr, err)
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
	if err := b.load.Call(ctx, "Trip", load.Trips{Rate: 1000, Number: 10 * few, Size: messageSize}, new(load.Tripped)); err != nil {
		return err
	}
	return errors.Join(b.closeAll(ctx), pause(ctx, b.settle/4), r.findProcesses())
}

// open opens clients at a proxy.
func (b *bench) open(ctx context.Context, r *running, o load.Open) (opened load.Opened, err error) {
	o.Addresses, o.TLS = r.addresses(o.TLS), r.tls(o.TLS)
	err = b.load.Call(ctx, "Open", o, &opened)
	return opened, err
}

func (b *bench) closeAll(ctx context.Context) error {
	return b.load.Call(ctx, "Close", struct{}{}, new(int))
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cost is the CPU time of everybody during some work.
type cost struct {
	wall, proxy, node, load time.Duration
	machine                 time.Duration // everybody together, ourselves and strangers too
}

// measure does work and tells what it cost.
func (b *bench) measure(r *running, work func() error) (c cost, err error) {
	start := time.Now()
	before, err := b.cpu(r)
	if err != nil {
		return c, err
	}
	if err := work(); err != nil {
		return c, err
	}
	after, err := b.cpu(r)
	c = cost{time.Since(start), after.proxy - before.proxy, after.node - before.node, after.load - before.load, after.machine - before.machine}
	b.strangers = append(b.strangers, c.strangers())
	return c, err
}

// strangers is what other programs took meanwhile, in cores.
func (c cost) strangers() float64 {
	return max(0, (c.machine-c.proxy-c.node-c.load).Seconds()/c.wall.Seconds())
}

func (b *bench) cpu(r *running) (c cost, err error) {
	var errs [4]error
	c.proxy, errs[0] = proc.CPU(r.pids)
	c.node, errs[1] = proc.CPU([]int{b.node.PID()})
	c.load, errs[2] = proc.CPU([]int{b.load.PID()})
	c.machine, errs[3] = proc.Machine()
	return c, errors.Join(errs[:]...)
}

// watch remarks when it was not the proxy that was at its limit.
func (b *bench) watch(c cost, what, name string) {
	const limit = 0.9
	if share := c.load.Seconds() / c.wall.Seconds(); share >= limit {
		b.report.Remark("%s, %s: the load generator was the bottleneck, at %.0f %% of a core", what, name, share*100)
	}
	if share := c.node.Seconds() / c.wall.Seconds(); share >= limit {
		b.report.Remark("%s, %s: the node was the bottleneck, at %.0f %% of a core", what, name, share*100)
	}
}

// remarkStrangers tells of a machine that was not ours alone: it blurs CPU
// times, and spoils latencies.
func (b *bench) remarkStrangers() {
	const some = 0.1
	if len(b.strangers) == 0 || slices.Max(b.strangers) < some {
		return
	}
	b.report.Remark("other programs took %.2f cores while this was measured, and at times %.2f", report.Median(b.strangers), slices.Max(b.strangers))
}

// machine says where this was measured.
func machine() string {
	model, cores := "unknown processor", 0
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			model, cores = strings.TrimSpace(value), cores+1
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	kernel, _, _ := strings.Cut(string(release), "-")
	return fmt.Sprintf("%d cores of %s, Linux %s", max(cores, 1), model, strings.TrimSpace(kernel))
}
