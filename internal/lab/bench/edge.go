//go:build linux

package main

import (
	"context"
	"slices"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// Columns of Fermata at other edges than a plain or a TLS listener in front of plain
// nodes.
const (
	withProxyHeaders = "PROXY" // its clients come with a header of the PROXY protocol
	withTLSNodes     = "tls-nodes"
)

// Their configurations.
const (
	proxyHeadersFile = "proxy-headers.yaml"
	tlsNodesFile     = "tls-nodes.yaml"
)

// fermata is the program; ok is whether it is wanted.
func (b *bench) fermata() (p rival.Program, ok bool) {
	i := slices.IndexFunc(b.proxies, func(p rival.Program) bool { return p.Name == rival.Fermata })
	if i < 0 {
		return p, false
	}
	return b.proxies[i], true
}

// edgeTLS measures what an idle client costs with TLS on its own side and on its
// node's: each alone, and both. The TLS nodes are a second Fermata in front of the
// nodes.
func (b *bench) edgeTLS(ctx context.Context, part string) error {
	fermata, ok := b.fermata()
	if !ok {
		return nil
	}
	b.report.Column(withTLSNodes)
	for _, t := range []string{"tls", "plain"} {
		err := b.oneByOne(ctx, part, []rival.Program{fermata, fermata.As(withTLSNodes, tlsNodesFile)}, func(p rival.Program) error {
			return b.behind(ctx, p, fermata, t, func(r *running) error { return b.edgeMemory(ctx, r, t) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) edgeMemory(ctx context.Context, r *running, transport string) error {
	each, err := b.subscribed(ctx, r, load.Open{Clients: b.clients, TLS: transport == "tls"})
	b.report.Add(report.Row{
		Name:   "edge/" + transport,
		Title:  "memory per idle client, " + spoken(transport) + ", and with TLS to its node",
		Unit:   "KiB",
		Rivals: []string{rival.Fermata},
	}, r.name, each)
	return err
}

// behind launches a program for work, where its nodes have TLS in front of them.
func (b *bench) behind(ctx context.Context, p, terminator rival.Program, transport string, work func(*running) error) error {
	if p.Name != withTLSNodes {
		return b.with(ctx, p, transport == "tls", work)
	}
	return b.with(ctx, terminator, true, func(nodes *running) error {
		plain := b.at.Nodes
		defer func() { b.at.Nodes = plain }()
		b.at.Nodes = []string{nodes.at.TLS}
		return b.with(ctx, p, transport == "tls", work)
	})
}

// edgeProxy measures what a header of the PROXY protocol costs a client that comes,
// and one that is there.
func (b *bench) edgeProxy(ctx context.Context, part string) error {
	fermata, ok := b.fermata()
	if !ok {
		return nil
	}
	b.report.Column(withProxyHeaders)
	both := []rival.Program{fermata, fermata.As(withProxyHeaders, proxyHeadersFile)}
	err := b.oneByOne(ctx, part, both, func(p rival.Program) error {
		return b.with(ctx, p, false, func(r *running) error {
			each, err := b.subscribed(ctx, r, load.Open{Clients: b.clients})
			b.report.Add(report.Row{
				Name: "edge/proxy-memory", Title: "memory per idle client, and with a PROXY header", Unit: "KiB", Rivals: []string{rival.Fermata},
			}, r.name, each)
			return err
		})
	})
	if err != nil {
		return err
	}
	return b.edgeNewcomers(ctx, part, both)
}

func (b *bench) edgeNewcomers(ctx context.Context, part string, both []rival.Program) error {
	p := &paired{bench: b, part: part, transport: "plain", proxies: both}
	defer p.endAll(ctx)
	if err := p.launchAll(ctx); err != nil {
		return err
	}
	if err := command.Pause(ctx, b.settle/4); err != nil {
		return err
	}
	number := max(1, b.clients*2/9/stormTurns)
	for range 3 { // what differs by little takes longer
		if err := p.turns(ctx, stormTurns, func(c *contender) error {
			return p.add(ctx, c, &c.arrivals, number, func() error { return p.come(ctx, c, load.Open{Clients: number}) })
		}); err != nil {
			return err
		}
		if err := p.each(ctx, func(c *contender) error { return p.closeAll(ctx, c.running) }); err != nil {
			return err
		}
	}
	for _, c := range p.contenders {
		b.report.Add(report.Row{
			Name: "edge/proxy-new", Title: "CPU per new client, and with a PROXY header", Unit: "µs", Rivals: []string{rival.Fermata},
		}, c.name, microseconds(c.arrivals.proxy)/float64(c.arrivals.events))
	}
	return nil
}
