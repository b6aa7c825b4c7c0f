//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fermata/internal/lab/rival"
)

// part is work that can be run by name; it adds rows to the report. A proxy that
// fails is left out of it, with a remark; the part fails when its context ends.
type part struct {
	name   string
	rounds func(*bench) int
	run    func(ctx context.Context, b *bench, name string) error
}

// transports are what every part does once each, but those about sessions.
var transports = []string{"plain", "tls"}

func allParts() []part {
	once := func(b *bench) int { return min(b.rounds, 1) }
	twice := func(b *bench) int { return min(b.rounds, 2) }
	every := func(b *bench) int { return b.rounds }
	var parts []part
	for _, t := range transports {
		parts = append(parts, part{"idle/" + t, once, func(ctx context.Context, b *bench, name string) error {
			return b.oneByOne(ctx, name, b.proxies, func(p rival.Program) error { return b.idle(ctx, p, t) })
		}})
	}
	for _, t := range transports {
		parts = append(parts, part{"traffic/" + t, every, func(ctx context.Context, b *bench, name string) error {
			return b.traffic(ctx, name, t)
		}})
	}
	for _, t := range transports {
		parts = append(parts, part{"new/" + t, every, func(ctx context.Context, b *bench, name string) error {
			return b.newcomers(ctx, name, t)
		}})
	}
	for _, t := range transports {
		parts = append(parts, part{"rest/" + t, once, func(ctx context.Context, b *bench, name string) error {
			return b.oneByOne(ctx, name, b.proxies, func(p rival.Program) error { return b.atRest(ctx, p, t) })
		}})
	}
	for _, t := range transports {
		parts = append(parts, part{"usual/" + t, twice, func(ctx context.Context, b *bench, name string) error {
			return b.usual(ctx, name, t)
		}})
	}
	return append(parts,
		part{"edge/tls", once, func(ctx context.Context, b *bench, name string) error { return b.edgeTLS(ctx, name) }},
		part{"edge/proxy", once, func(ctx context.Context, b *bench, name string) error { return b.edgeProxy(ctx, name) }},
		part{"edge/strangers", every, func(ctx context.Context, b *bench, name string) error { return b.edgeStrangers(ctx, name) }},
		part{"session/memory", once, func(ctx context.Context, b *bench, name string) error { return b.sessionMemory(ctx, name) }},
		part{"session/traffic", every, func(ctx context.Context, b *bench, name string) error { return b.sessionTraffic(ctx, name) }},
		part{"session/moves", every, func(ctx context.Context, b *bench, name string) error { return b.sessionMoves(ctx, name) }},
		part{"upgrade/plain", every, func(ctx context.Context, b *bench, name string) error { return b.upgrade(ctx, name) }},
		part{"upgrade/new", once, func(ctx context.Context, b *bench, name string) error { return b.upgradeNew(ctx, name) }},
	)
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
			return nil, fmt.Errorf("got part %q, want idle, traffic, new, rest or usual, with /plain or /tls behind it or without, session, with /memory, /traffic or /moves, edge, with /tls, /proxy or /strangers, or upgrade, with /plain or /new", name)
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

// charted are the rows of the chart, two a line.
var charted = []string{
	"memory/plain", "memory/tls", // of all idle clients
	"usual/plain/calm-trip", "usual/tls/calm-trip",
	"trip/plain", "trip/tls",
	"latency/plain/p99", "latency/tls/p99",
	"broadcast/plain", "broadcast/tls",
	"usual/plain/calm-new", "usual/tls/calm-new",
	"new/plain", "new/tls",
	"new/resumed", "new/x25519",
	"rest/plain", "rest/tls",
	"rest/plain/memory-after", "rest/tls/memory-after",
}

// panel is a row's place in the chart, from 1 on; 0: none.
func panel(name string) int { return 1 + slices.Index(charted, name) }

// spoken is a transport as a title has it.
func spoken(transport string) string {
	if transport == "tls" {
		return "TLS"
	}
	return transport
}
