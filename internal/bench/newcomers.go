//go:build linux

package main

import (
	"context"
	"errors"

	"fermata/internal/bench/load"
)

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
	b.addCPU(r, name, title, c.proxy, o.Clients)
	return errors.Join(b.closeAll(ctx, r), pause(ctx, b.settle/4))
}
