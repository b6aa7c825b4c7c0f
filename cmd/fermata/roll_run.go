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

	runner     string        // who we are
	fence      uint64        // the number of our roll, which all of its steps carry
	renewEvery time.Duration // its lease
	patience   time.Duration // with a cluster's Redis
}

// run rolls over the nodes and stops at the first failure.
func (r *roller) run(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.sayHowOften(ctx)
	for i, name := range r.nodes {
		err := r.keep(ctx, r.nodes[i:], func(held context.Context) error { return r.roll(ctx, held, name) })
		if err != nil {
			return r.stopped(ctx, i, err)
		}
		if err := r.leave(ctx, r.nodes[i+1:]); err != nil {
			return r.stopped(ctx, i, err)
		}
		fmt.Fprintf(r.out, "%s: done, %d of %d\n", name, i+1, len(r.nodes))
	}
	return nil
}

// roll takes one node through its steps, as long as the roll is ours, which is
// until held ends.
func (r *roller) roll(ctx, held context.Context, name string) error {
	node, err := r.drain(held, name)
	if err != nil {
		return err
	}
	wait := drainWait{client: r.client, out: r.out, timeout: r.timeout, every: r.every, local: r.request.Local}
	if node, err = wait.run(held, node); err != nil {
		return err
	}
	if node.Outcome().Text != "" {
		fmt.Fprintln(r.out, withOutcome(name, ": ", node))
	}
	// Half a restart helps nobody: a command that runs is left to finish.
	if err := r.restart(ctx, node); err != nil || held.Err() != nil {
		return commandEnded(held, err)
	}
	fmt.Fprintf(r.out, "%s: waiting for its check\n", name)
	if err := r.healthy(held, wait, node); err != nil {
		return err
	}
	return r.undrain(held, name)
}

func (r *roller) drain(ctx context.Context, name string) (node admin.Node, err error) {
	if node, err = r.client.Drain(ctx, name, r.dryRun()); err != nil {
		return node, err
	}
	fmt.Fprintf(r.out, "%s: draining %s; then %s\n", name, clients(node.Connections), forecastText(node.Forecast))
	err = r.decide(ctx, func(ctx context.Context) error {
		node, err = r.client.Drain(ctx, name, r.step())
		return err
	})
	warn(r.errOut, name, node.Warning)
	return node, err
}

// step is the drain of a node, as a step of our roll.
func (r *roller) step() admin.DrainRequest {
	request := r.request
	request.Fence = r.fence
	return request
}

// commandEnded is what a command has come to whose roll may have been lost.
func commandEnded(held context.Context, err error) error {
	lost := context.Cause(held)
	switch {
	case !errors.Is(lost, admin.ErrRollLost):
		return err
	case err != nil:
		return fmt.Errorf("%w; meanwhile %w", lost, err)
	}
	return fmt.Errorf("%w; its command, which ran then, has ended well", lost)
}

func (r *roller) undrain(ctx context.Context, name string) error {
	return r.decide(ctx, func(ctx context.Context) error {
		node, err := r.client.Undrain(ctx, name, admin.UndrainRequest{Local: r.request.Local, Fence: r.fence})
		warn(r.errOut, name, node.Warning)
		return err
	})
}

// healthy waits until each member of a cluster, or the one Fermata, has passed two
// checks that ended after now: the first of them may have begun before, the second
// cannot. One that was found, and not configured, may be away meanwhile.
func (r *roller) healthy(ctx context.Context, wait drainWait, before admin.Node) error {
	name := before.Name
	limit := r.timeout
	if limit == 0 {
		limit = 2 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	passed, missing := make(checksPassed), ""
	node, err := wait.look(limited, name)
	for ; err == nil || errors.Is(err, errTakenOut) && before.Discovered != ""; node, err = wait.look(limited, name) {
		if missing = "no longer found by " + before.Discovered; err == nil {
			missing = passed.missing(node)
		}
		if missing == "" {
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
		return &exitError{exitNotInTime, fmt.Errorf("%s: not healthy after %s: %s", name, limit, missing)}
	}
	return err
}

// checksPassed is how often the check of a node has passed since the first look,
// by the id of the member of a cluster, or for the one Fermata by the empty one.
type checksPassed map[string]checkPassed

type checkPassed struct {
	last  time.Time
	times int
}

// missing is what there is against calling the node healthy; empty: nothing, it has
// passed two checks of everybody.
func (c checksPassed) missing(node admin.Node) string {
	everybody := node.Members
	if len(everybody) == 0 {
		everybody = []admin.MemberNode{{Health: node.Health, Reason: node.Reason, Checked: node.Checked}}
	}
	var missing []string
	for _, m := range everybody {
		where := ""
		if m.Member != "" {
			where = " on " + m.Member
		}
		switch passed := c.count(m); {
		case m.Health != admin.HealthUp:
			missing = append(missing, m.Health+where+": "+m.Reason)
		case passed < 2:
			missing = append(missing, "no two checks passed since"+where)
		}
	}
	return strings.Join(missing, ", ")
}

func (c checksPassed) count(m admin.MemberNode) int {
	seen, known := c[m.ID]
	if known && !m.Checked.Equal(seen.last) {
		seen.times++
	}
	seen.last = m.Checked
	c[m.ID] = seen
	return seen.times
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
	node, unknown := r.client.Node(ctx, r.nodes[at], r.request.Local)
	lost := errors.Is(err, admin.ErrRollLost)
	untouched := unknown == nil && node.State == admin.StateReady && at == 0 && !r.resumed && !lost
	if untouched && r.giveUp(ctx, nil) == nil {
		return &exitError{code, fmt.Errorf("%s: %w; nothing was done", node.Name, err)}
	}
	text := fmt.Sprintf("roll stopped at %s: %s", r.nodes[at], console.Printable(err.Error()))
	if at > 0 {
		text += "\n  done: " + list(r.nodes[:at])
	}
	text += "\n  to do: " + list(r.nodes[at:])
	if unknown == nil {
		text += fmt.Sprintf("\n  %s is %s, with %s, health %s (%s)", node.Name, node.State, clients(node.Connections), node.HealthText(), console.Printable(node.Reason))
	}
	if lost {
		return &exitError{code, errors.New(text + "\n  from here nothing more is done")}
	}
	if r.giveUp(ctx, r.nodes[at:]) != nil {
		text += fmt.Sprintf("\n  Fermata could not be told that it has stopped, and lets nobody go on with it for %s", admin.RollLease)
	}
	text += "\n  go on with it: " + r.again +
		"\n  or give it up: fermata undrain " + r.nodes[at] + " && fermata roll --cancel"
	return &exitError{code, errors.New(text)}
}

func list(names []string) string { return console.Printable(strings.Join(names, ", ")) }
