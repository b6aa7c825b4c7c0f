package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"fermata/internal/admin"
)

// renewEvery is how often Fermata is told that a roll is still run from here: a
// few times in the lease, so that one that is lost does not lose the roll.
const renewEvery = admin.RollLease / 6

// awayPatience is how long a roll waits for a cluster's Redis.
const awayPatience = 30 * time.Second

// runner is who rolls, as others read it.
func runner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// begin makes the roll ours, or errors because it is somebody else's.
func (r *roller) begin(ctx context.Context) error {
	roll, err := r.set(ctx, admin.Roll{Nodes: r.nodes, Runner: r.runner})
	r.fence = roll.Fence
	return err
}

// leave tells Fermata which nodes are left; with none the roll is over.
func (r *roller) leave(ctx context.Context, nodes []string) error {
	return r.decide(ctx, func(ctx context.Context) error {
		_, err := r.set(ctx, admin.Roll{Nodes: nodes, Runner: r.runner, Fence: r.fence})
		return err
	})
}

// giveUp leaves the nodes to whoever goes on with the roll, at once.
func (r *roller) giveUp(ctx context.Context, nodes []string) error {
	_, err := r.set(ctx, admin.Roll{Nodes: nodes, Fence: r.fence})
	return err
}

func (r *roller) set(ctx context.Context, roll admin.Roll) (admin.Roll, error) {
	roll.Local = r.request.Local
	roll, err := r.client.SetRoll(ctx, roll)
	warn(r.errOut, "roll", roll.Warning)
	return roll, err
}

// keep does something while it keeps the roll ours, which has these nodes left.
// The context of what it does ends when the roll is lost.
func (r *roller) keep(ctx context.Context, left []string, do func(held context.Context) error) error {
	held, lose := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { r.renew(held, lose, left) })
	err := do(held)
	lost := context.Cause(held)
	lose(nil)
	renewing.Wait()
	if err != nil && errors.Is(lost, admin.ErrRollLost) && !errors.Is(err, admin.ErrRollLost) {
		return lost
	}
	return err
}

// renew goes on until ctx ends, or the roll is lost. A Fermata that does not
// answer, or cannot, keeps us from nothing that is under way.
func (r *roller) renew(ctx context.Context, lose context.CancelCauseFunc, left []string) {
	tick := time.NewTicker(r.renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.renewOnce(ctx, left); errors.Is(err, admin.ErrRollLost) {
			lose(err)
			return
		}
	}
}

// renewOnce is not cut short by the next step, which it could overtake then, and
// bring back a node that is done.
func (r *roller) renewOnce(ctx context.Context, left []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewEvery)
	defer cancel()
	_, err := r.client.SetRoll(ctx, admin.Roll{Nodes: left, Runner: r.runner, Fence: r.fence, Local: r.request.Local})
	return err
}

// decide does what all members of a cluster must know, and waits for a while
// when they cannot: Redis may be on its way back.
func (r *roller) decide(ctx context.Context, do func(context.Context) error) error {
	err := do(ctx)
	if !errors.Is(err, admin.ErrAway) {
		return err
	}
	fmt.Fprintf(r.out, "%v; waiting for it for %s\n", err, r.patience)
	waiting, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	for errors.Is(err, admin.ErrAway) {
		select {
		case <-waiting.Done():
			return err
		case <-time.After(r.every):
		}
		err = do(ctx)
	}
	return err
}
