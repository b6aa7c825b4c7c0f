//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"fermata/internal/lab/command"
)

func memberName(i int) string { return fmt.Sprintf("edge-%d", i+1) }

// startMembers starts Fermatas, what they share, and HAProxy in front of them.
func (b *balancer) startMembers(ctx context.Context, at *place) (*running, error) {
	r := &running{balancer: b, at: at}
	if err := b.prepare(r); err != nil {
		r.Stop()
		return nil, err
	}
	for _, place := range at.Members {
		m, err := b.startOne(ctx, b.program, place)
		if err != nil {
			r.Stop()
			return nil, err
		}
		r.members = append(r.members, m)
	}
	front, err := b.startOne(ctx, b.front, at)
	if err != nil {
		r.Stop()
		return nil, err
	}
	r.Running = front.Running
	return r, nil
}

// prepare starts what they share, and finds out where they are to be.
func (b *balancer) prepare(r *running) (err error) {
	if b.cluster {
		if r.redis, err = startRedis(r.at.Dir); err != nil {
			return err
		}
		r.at.Redis = r.redis.Address()
	}
	return r.at.split(b.members)
}

// agreeing bounds how long members may take until they agree.
const agreeing = 10 * time.Second

// agree waits until all members that live say so of a node, and returns whether
// they do.
func (r *running) agree(ctx context.Context, node int, is func(state string) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, agreeing)
	defer cancel()
	for ctx.Err() == nil {
		if r.agreed(ctx, node, is) {
			return true
		}
		command.Pause(ctx, 20*time.Millisecond)
	}
	return false
}

func (r *running) agreed(ctx context.Context, node int, is func(state string) bool) bool {
	for _, m := range r.members {
		select {
		case <-m.Exited():
			continue
		default:
		}
		var answer struct{ State string }
		url := fmt.Sprintf("http://%s/v1/nodes/%s?local=1", m.at.Admin, nodeName(node))
		if err := askJSON(ctx, url, &answer); err != nil || !is(answer.State) {
			return false
		}
	}
	return true
}
