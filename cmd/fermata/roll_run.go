package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// roller is a rolling deploy.
type roller struct {
	client  *admin.Client
	out     io.Writer
	errOut  io.Writer
	nodes   []string
	command string
	request admin.DrainRequest
	timeout time.Duration // for each wait; 0: its own
	every   time.Duration // between two looks
	again   string        // the command line that goes on
	resumed bool          // it goes on with one that stopped
}

// run rolls over the nodes and stops at the first failure.
func (r *roller) run(ctx context.Context) error {
	if err := r.leave(ctx, r.nodes); err != nil {
		return err
	}
	r.sayHowOften(ctx)
	for i, name := range r.nodes {
		if err := r.roll(ctx, name); err != nil {
			return r.stopped(ctx, i, err)
		}
		if err := r.leave(ctx, r.nodes[i+1:]); err != nil {
			return r.stopped(ctx, i, err)
		}
		fmt.Fprintf(r.out, "%s: done, %d of %d\n", name, i+1, len(r.nodes))
	}
	return nil
}

// leave tells Fermata which nodes are left.
func (r *roller) leave(ctx context.Context, nodes []string) error {
	roll, err := r.client.SetRoll(ctx, admin.Roll{Nodes: nodes})
	warn(r.errOut, "roll", roll.Warning)
	return err
}

// roll takes one node through its steps.
func (r *roller) roll(ctx context.Context, name string) error {
	node, err := r.client.Drain(ctx, name, r.dryRun())
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: draining %s; then %s\n", name, clients(node.Connections), forecastText(node.Forecast))
	if node, err = r.client.Drain(ctx, name, r.request); err != nil {
		return err
	}
	warn(r.errOut, name, node.Warning)
	wait := drainWait{client: r.client, out: r.out, timeout: r.timeout, every: r.every}
	if node, err = wait.run(ctx, node); err != nil {
		return err
	}
	if node.Outcome().Text != "" {
		fmt.Fprintln(r.out, withOutcome(name, ": ", node))
	}
	if err := r.restart(ctx, node); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: waiting for its check\n", name)
	if err := r.healthy(ctx, wait, name); err != nil {
		return err
	}
	node, err = r.client.Undrain(ctx, name, admin.UndrainRequest{})
	warn(r.errOut, name, node.Warning)
	return err
}

// healthy waits until two checks that ended after now have passed: the first
// of them may have begun before, the second cannot.
func (r *roller) healthy(ctx context.Context, wait drainWait, name string) error {
	limit := r.timeout
	if limit == 0 {
		limit = 2 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	node, err := wait.look(limited, name)
	for last, passed := node.Checked, 0; err == nil; node, err = wait.look(limited, name) {
		if !node.Checked.Equal(last) {
			last, passed = node.Checked, passed+1
		}
		if passed >= 2 && node.Health == admin.HealthUp {
			return nil
		}
		select {
		case <-limited.Done():
		case <-time.After(r.every):
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &exitError{exitNotInTime, fmt.Errorf("%s: not healthy after %s", name, limit)}
	}
	return err
}

// stopped says what has become of a roll that stopped at its node number at,
// and how to go on. One that was refused before it did anything is forgotten.
func (r *roller) stopped(ctx context.Context, at int, err error) error {
	code := exitCode(err)
	if ctx.Err() != nil {
		code, err = exitNotInTime, errors.New("interrupted")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	node, unknown := r.client.Node(ctx, r.nodes[at], false)
	untouched := unknown == nil && node.State == admin.StateReady && at == 0 && !r.resumed
	if untouched && r.leave(ctx, nil) == nil {
		return &exitError{code, fmt.Errorf("%s: %w; nothing was done", node.Name, err)}
	}
	text := fmt.Sprintf("roll stopped at %s: %v", r.nodes[at], err)
	if at > 0 {
		text += "\n  done: " + list(r.nodes[:at])
	}
	text += "\n  to do: " + list(r.nodes[at:])
	if unknown == nil {
		text += fmt.Sprintf("\n  %s is %s, with %s, health %s (%s)", node.Name, node.State, clients(node.Connections), node.Health, console.Printable(node.Reason))
	}
	text += "\n  go on with it: " + r.again +
		"\n  or give it up: fermata undrain " + r.nodes[at] + " && fermata roll --cancel"
	return &exitError{code, errors.New(text)}
}

func list(names []string) string { return console.Printable(strings.Join(names, ", ")) }
