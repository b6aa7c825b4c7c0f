//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/redisserver"
	"fermata/internal/lab/rival"
)

// running is a balancer that runs.
type running struct {
	*balancer
	*rival.Running // where clients connect; nil: none
	at             *place
	members        []*running          // Fermatas behind it; nil: none
	redis          *redisserver.Server // that they share; nil: none
	next           *rival.Running      // has taken the place of the first one, and is not its child; nil: none has
}

// start starts a balancer and waits until it listens. The caller stops it.
func (b *balancer) start(ctx context.Context, at *place) (*running, error) {
	if b.members > 0 {
		return b.startMembers(ctx, at)
	}
	program := b.program
	if at.Secure != "" && program.Name == "nginx" {
		program = program.Adopted(nginxPID(at))
	}
	return b.startOne(ctx, program, at)
}

func (b *balancer) startOne(ctx context.Context, program rival.Program, at *place) (*running, error) {
	r := &running{balancer: b, at: at}
	if program.Config == "" {
		return r, nil
	}
	var err error
	if r.Running, err = program.Start(configs, at.Dir, at); err != nil {
		return nil, err
	}
	if err := listens(ctx, at.Address, r.Running); err != nil {
		r.Stop()
		return nil, fmt.Errorf("%s: %w: %s", b.Name, err, r.Said())
	}
	return r, nil
}

// listens waits until a program does.
func listens(ctx context.Context, address string, r *rival.Running) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("it does not listen after 10s"))
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
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

// Stop ends all of it.
func (r *running) Stop() {
	r.next.Stop()
	r.Running.Stop()
	for _, m := range r.members {
		m.Stop()
	}
	if r.redis != nil {
		r.redis.Kill()
	}
}

// Said is the end of what all of it has logged.
func (r *running) Said() string {
	said := []string{r.Running.Said(), r.next.Said()}
	for _, m := range r.members {
		said = append(said, m.Said())
	}
	return strings.TrimSpace(strings.Join(said, "\n"))
}
