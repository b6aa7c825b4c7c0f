//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/rival"
)

// running is a balancer that runs.
type running struct {
	*balancer
	*rival.Running // nil: none
	at             *place
}

// start starts a balancer and waits until it listens. The caller stops it.
func (b *balancer) start(ctx context.Context, at *place) (*running, error) {
	r := &running{balancer: b, at: at}
	if b.program.Config == "" {
		return r, nil
	}
	var err error
	if r.Running, err = b.program.Start(configs, at.Dir, at); err != nil {
		return nil, err
	}
	if err := r.listens(ctx); err != nil {
		r.Stop()
		return nil, fmt.Errorf("%s: %w: %s", b.Name, err, r.Said())
	}
	return r, nil
}

func (r *running) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("it does not listen after 10s"))
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.at.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-r.Exited():
			return errors.New("it has ended")
		default:
		}
		if err := command.Pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// hosts are where clients connect, HOST:PORT.
func (r *running) hosts() (hosts []string) {
	if r.Running != nil {
		return []string{r.at.Address}
	}
	for _, node := range r.at.Nodes {
		hosts = append(hosts, node.Address)
	}
	return hosts
}
