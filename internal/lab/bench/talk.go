//go:build linux

package main

import (
	"context"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/child"
)

const (
	talkers    = 100 // clients that go on talking while others come and go
	talkersApp = "talkers"
)

// talk is clients of a proxy that make a round trip each second. They have a load
// generator of their own: one does one thing after the other.
type talk struct {
	*child.Child
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // to be read once it has ended
}

// talk opens clients that talk. The caller ends it.
func (b *bench) talk(ctx context.Context, r *running, transport string) (*talk, error) {
	c, err := child.Start(ctx, "load")
	if err != nil {
		return nil, err
	}
	tls := transport == "tls"
	o := load.Open{App: talkersApp, Addresses: r.addresses(tls), Clients: talkers, TLS: r.tls(tls)}
	if err := c.Call(ctx, "Open", o, new(load.Opened)); err != nil {
		c.Stop()
		return nil, err
	}
	t := &talk{Child: c, ended: make(chan struct{})}
	ctx, t.cancel = context.WithCancel(ctx)
	go t.run(ctx)
	return t, nil
}

// run ends with ctx, or with the first round trip that fails.
func (t *talk) run(ctx context.Context) {
	defer close(t.ended)
	second := load.Trips{App: talkersApp, Rate: talkers, Number: talkers, Size: messageSize}
	for ctx.Err() == nil && t.err == nil {
		if err := t.Call(ctx, "Trip", second, new(load.Tripped)); ctx.Err() == nil {
			t.err = err
		}
	}
}

// end has the clients go, and tells what had ended their talk before. It may be called
// again.
func (t *talk) end() error {
	t.cancel()
	<-t.ended
	t.Stop()
	return t.err
}
