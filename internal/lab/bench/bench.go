//go:build linux

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fermata/internal/certs"
	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/proc"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/child"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
	"fermata/internal/lab/sheet"
)

// bench is one run of the benchmark.
type bench struct {
	options
	progress io.Writer
	report   *report.Report
	proxies  []rival.Program
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
	b.report.End()
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
	r := &report.Report{Head: sheet.Begin(), Rivals: rivals, Versions: map[string]string{}}
	b.report = r
	wanted := b.proxies
	b.proxies = nil
	for _, p := range wanted {
		if err := p.Find(ctx, dir, b.Fermata); err != nil {
			if p.Name == rival.Fermata {
				return err
			}
			r.Remark("%v", err)
			continue
		}
		b.proxies = append(b.proxies, p)
		r.Columns = append(r.Columns, p.Name)
		r.Versions[p.Name] = p.Version(ctx)
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

func (b *bench) runPart(ctx context.Context, part part, round int) error {
	if round >= part.rounds(b) {
		return nil
	}
	began := time.Now()
	fmt.Fprintf(b.progress, "round %d, %s:", round+1, part.name)
	if err := part.run(ctx, b, part.name); err != nil {
		return err
	}
	fmt.Fprintf(b.progress, " %v\n", time.Since(began).Round(time.Second))
	return nil
}

// oneByOne has each of the proxies do work in turn. It returns early when ctx ends.
func (b *bench) oneByOne(ctx context.Context, part string, proxies []rival.Program, work func(rival.Program) error) error {
	for _, p := range slices.Backward(proxies) { // direct first: others are compared with it
		fmt.Fprintf(b.progress, " %s", p.Name)
		if err := work(p); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			b.leaveOut(part, p.Name, err)
		}
	}
	return nil
}

// leaveOut remarks why a proxy has no more to do in a part.
func (b *bench) leaveOut(part, name string, err error) {
	b.report.Remark("%s, %s: %v", part, name, err)
	fmt.Fprintf(b.progress, " (%s failed)", name)
}

// with launches a proxy, and ends it after work.
func (b *bench) with(ctx context.Context, p rival.Program, tls bool, work func(*running) error) error {
	r, err := b.launch(ctx, p, tls)
	if err != nil {
		return err
	}
	return b.end(ctx, r, work(r))
}

// launch runs a fresh proxy that has served a few clients, so that what it does
// only once is done. The caller ends it.
func (b *bench) launch(ctx context.Context, p rival.Program, tls bool) (*running, error) {
	r, err := start(p, b.at)
	if err != nil {
		return nil, err
	}
	if err := b.warm(ctx, r, tls); err != nil {
		return nil, b.end(ctx, r, err)
	}
	return r, nil
}

// end stops a proxy and its clients. It adds to an error, which may be nil, what
// the proxy said last.
func (b *bench) end(ctx context.Context, r *running, err error) error {
	err = errors.Join(err, b.closeAll(ctx, r))
	if text := r.Said(); err != nil && text != "" {
		err = fmt.Errorf("%w\n%s", err, text)
	}
	r.Stop()
	return err
}

// few are as many clients as a proxy serves at once before it is measured.
const few = 16

// warm waits until a proxy answers, and has it serve clients, a few at a time:
// some hundred, since what is done only once is, in a program with garbage, also
// the first collections.
func (b *bench) warm(ctx context.Context, r *running, tls bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("it did not answer within 20s"))
	defer cancel()
	if err := b.untilAnswered(ctx, r, tls); err != nil {
		return err
	}
	if err := b.load.Call(ctx, "Trip", load.Trips{App: r.name, Rate: 1000, Number: 10 * few, Size: messageSize}, new(load.Tripped)); err != nil {
		return err
	}
	for range 15 {
		_, err := b.open(ctx, r, load.Open{Clients: few, TLS: tls})
		if err := errors.Join(err, b.closeAll(ctx, r)); err != nil {
			return err
		}
	}
	return errors.Join(b.closeAll(ctx, r), command.Pause(ctx, b.settle/4), r.findProcesses())
}

// untilAnswered returns when a few clients are open.
func (b *bench) untilAnswered(ctx context.Context, r *running, tls bool) error {
	for {
		_, err := b.open(ctx, r, load.Open{Clients: few, TLS: tls})
		if err == nil {
			return nil
		}
		if closeErr := b.closeAll(ctx, r); closeErr != nil {
			return errors.Join(closeErr, err)
		}
		if command.Pause(ctx, 50*time.Millisecond) != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// open opens clients at a proxy, whose name is that of their app unless they have
// another one.
func (b *bench) open(ctx context.Context, r *running, o load.Open) (opened load.Opened, err error) {
	o.ProxyHeader = r.name == withProxyHeaders
	o.App, o.Addresses, o.TLS = cmp.Or(o.App, r.name), r.addresses(o.TLS), r.tls(o.TLS)
	err = b.load.Call(ctx, "Open", o, &opened)
	if err == nil && opened.Exchange != 0 {
		b.noteExchange(r.name, o, opened.Exchange)
	}
	return opened, err
}

// noteExchange reports a proxy's key exchange: it is not for us to assume.
func (b *bench) noteExchange(name string, o load.Open, exchange tls.CurveID) {
	switch {
	case !o.X25519:
		b.report.Exchange(name, exchange.String())
	case exchange != tls.X25519:
		b.report.Remark("%s: got key exchange %v with clients that offer X25519 first, want X25519", name, exchange)
	}
}

// closeAll closes a proxy's clients.
func (b *bench) closeAll(ctx context.Context, r *running) error {
	return b.load.Call(ctx, "Close", r.name, new(int))
}

// cost is the CPU time of everybody during some work.
type cost struct {
	wall, proxy, node, load time.Duration
	machine                 time.Duration // everybody together, ourselves and strangers too
	switches                int           // of the proxy's threads, from one to another on a core
}

// measure does work and tells what it cost, by others' share too.
func (b *bench) measure(r *running, work func() error) (cost, error) {
	c, err := b.spend(r, work)
	if err == nil {
		b.strangers = append(b.strangers, c.strangers())
	}
	return c, err
}

// spend does work and tells what it cost.
func (b *bench) spend(r *running, work func() error) (c cost, err error) {
	start := time.Now()
	before, err := b.cpu(r)
	if err != nil {
		return c, err
	}
	if err := work(); err != nil {
		return c, err
	}
	after, err := b.cpu(r)
	c = after.minus(before)
	c.wall = time.Since(start)
	return c, err
}

func (c cost) plus(d cost) cost {
	return cost{c.wall + d.wall, c.proxy + d.proxy, c.node + d.node, c.load + d.load, c.machine + d.machine, c.switches + d.switches}
}

func (c cost) minus(d cost) cost {
	return cost{c.wall - d.wall, c.proxy - d.proxy, c.node - d.node, c.load - d.load, c.machine - d.machine, c.switches - d.switches}
}

// strangers is what other programs took meanwhile, in cores.
func (c cost) strangers() float64 {
	return max(0, (c.machine-c.proxy-c.node-c.load).Seconds()/c.wall.Seconds())
}

func (b *bench) cpu(r *running) (c cost, err error) {
	var errs [5]error
	c.proxy, errs[0] = proc.CPU(r.pids)
	c.node, errs[1] = proc.CPU([]int{b.node.PID()})
	c.load, errs[2] = proc.CPU([]int{b.load.PID()})
	c.machine, errs[3] = proc.Machine()
	c.switches, errs[4] = proc.Switches(r.pids)
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
