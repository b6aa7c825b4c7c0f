package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
)

// rollFlags are those of the roll command.
type rollFlags struct {
	drain   drainFlags
	exec    string
	timeout time.Duration
	resume  bool
	cancel  bool
	dryRun  bool
}

func newRollCommand() *cobra.Command {
	var flags rollFlags
	cmd := &cobra.Command{
		Use:   "roll [NODE…] --exec CMD",
		Short: "Drain, restart and undrain one node after the other",
		Long: `Drain, restart and undrain one node after the other: a rolling deploy.

For each node, in the order given, or all of them as configured: drain it, wait
until it is empty, run CMD by sh -c, wait until a check that began after that
has passed, undrain it. In CMD, {node}, {host}, {port} and {url} stand for the
node's own; the environment has them as FERMATA_NODE, FERMATA_HOST,
FERMATA_PORT and FERMATA_URL. Nodes that are still to be drained get clients
only when no other node can take them, so that a client moves once.

It stops at the first failure, with everything as it is then, and says how to
go on. Fermata remembers which nodes are left: --resume begins with the one
where it stopped.`,
		ValidArgsFunction: flags.drain.where.completeNode,
		RunE:              flags.run,
	}
	flags.drain.where.register(cmd)
	flags.drain.registerSettings(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.exec, "exec", "", "the command `CMD` that restarts a node")
	f.DurationVar(&flags.timeout, "timeout", 0, "stop when a node is not empty, or not healthy again, after `D` (default: the drain's deadline, and 2m)")
	f.BoolVar(&flags.resume, "resume", false, "go on with the nodes that are left of a roll that stopped")
	f.BoolVar(&flags.cancel, "cancel", false, "forget a roll that stopped; its nodes stay as they are")
	f.BoolVar(&flags.dryRun, "dry-run", false, "only print the plan")
	return cmd
}

func (f *rollFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(args); err != nil {
		return &exitError{exitUsage, err}
	}
	client, err := f.drain.where.client()
	if err != nil {
		return err
	}
	if f.cancel {
		return client.SetRoll(cmd.Context(), nil)
	}
	r := &roller{
		client: client, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(),
		command: f.exec, request: f.drain.request(cmd), timeout: f.timeout, every: pollEvery,
		again: again(cmd),
	}
	if r.nodes, err = f.nodes(cmd.Context(), r, args); err != nil {
		return err
	}
	if f.dryRun {
		return r.plan(cmd.Context())
	}
	return r.run(cmd.Context())
}

func (f *rollFlags) check(args []string) error {
	switch {
	case f.cancel && (f.resume || f.exec != "" || len(args) > 0):
		return errors.New("got --cancel with something to do, want one of them")
	case f.cancel:
		return nil
	case f.exec == "":
		return errors.New("got no --exec, want the command that restarts a node")
	case f.resume && len(args) > 0:
		return errors.New("got --resume and nodes, want one of them: Fermata knows which nodes are left")
	case f.timeout < 0:
		return fmt.Errorf("--timeout: got %s, want 0s or more", f.timeout)
	}
	for i, name := range args {
		if slices.Contains(args[:i], name) {
			return fmt.Errorf("got %s twice, want each node once", name)
		}
	}
	return nil
}

// nodes are those to roll over: those that were given, those that are left,
// or all that are ready.
func (f *rollFlags) nodes(ctx context.Context, r *roller, args []string) ([]string, error) {
	left, err := r.client.Roll(ctx)
	switch {
	case err != nil:
		return nil, err
	case f.resume && len(left.Nodes) == 0:
		return nil, &exitError{exitUsage, errors.New("got --resume, and no roll has stopped")}
	case f.resume:
		return left.Nodes, nil
	case len(left.Nodes) > 0 && !f.dryRun:
		return nil, &exitError{exitRefused, fmt.Errorf("another roll is under way, or stopped, and has still to do %s: "+
			"go on with --resume, or forget it with fermata roll --cancel", list(left.Nodes))}
	}
	nodes, err := r.client.Nodes(ctx)
	if err != nil || len(args) > 0 {
		return args, errors.Join(err, unknown(args, nodes))
	}
	return r.ready(nodes), nil
}

func unknown(names []string, nodes []admin.Node) error {
	for _, name := range names {
		if !slices.ContainsFunc(nodes, func(n admin.Node) bool { return n.Name == name }) {
			return &exitError{exitUsage, fmt.Errorf("no such node: %q", name)}
		}
	}
	return nil
}

// ready leaves out who is draining already: whoever did that had a reason.
func (r *roller) ready(nodes []admin.Node) (names []string) {
	for _, n := range nodes {
		if n.State == admin.StateReady {
			names = append(names, n.Name)
			continue
		}
		fmt.Fprintf(r.out, "%s is left out, it is %s already (name it to have it in)\n", n.Name, n.State)
	}
	return names
}

// again is the command line that goes on, without the token.
func again(cmd *cobra.Command) string {
	line := "fermata roll --resume"
	for _, name := range []string{"admin", "grace", "rate", "deadline", "code", "timeout", "exec"} {
		if f := cmd.Flags().Lookup(name); f.Changed {
			line += fmt.Sprintf(" --%s %s", name, shellWord(f.Value.String()))
		}
	}
	return line
}

// shellWord quotes what a shell would not leave alone.
func shellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func list(names []string) string { return printable(strings.Join(names, ", ")) }

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
}

// plan prints what a roll would do as things are now. It errors when a node's
// drain would be refused.
func (r *roller) plan(ctx context.Context) error {
	var refused error
	for i, name := range r.nodes {
		node, err := r.client.Drain(ctx, name, r.dryRun())
		if err != nil && exitCode(err) != exitRefused {
			return err
		}
		forecast := "now: " + forecastText(node.Forecast)
		if err != nil {
			refused = err
			forecast = "now: " + err.Error()
			if node, err = r.client.Node(ctx, name); err != nil {
				return err
			}
		}
		command, _, err := r.commandFor(node)
		if err != nil {
			return err
		}
		fmt.Fprintf(r.out, "%d. %s: drain %s, run %s, wait for its check, undrain\n   %s\n", i+1, name, clients(node.Connections), printable(command), forecast)
	}
	r.sayHowOften(ctx)
	return refused
}

func (r *roller) dryRun() admin.DrainRequest {
	request := r.request
	request.DryRun = true
	return request
}

// sayHowOften says whose clients move twice: where every node is to be
// drained, those of the first one have nowhere else to go.
func (r *roller) sayHowOften(ctx context.Context) {
	nodes, err := r.client.Nodes(ctx)
	if err != nil || len(r.nodes) < 2 {
		return
	}
	spare := slices.ContainsFunc(nodes, func(n admin.Node) bool {
		return n.Health == admin.HealthUp && n.State == admin.StateReady && !slices.Contains(r.nodes, n.Name)
	})
	if !spare {
		fmt.Fprintf(r.out, "every usable node is in this roll: the clients of %s go to nodes that are drained after it, and move twice; all others move once\n", r.nodes[0])
	}
}

// run rolls over the nodes and stops at the first failure.
func (r *roller) run(ctx context.Context) error {
	if err := r.client.SetRoll(ctx, r.nodes); err != nil {
		return err
	}
	r.sayHowOften(ctx)
	for i, name := range r.nodes {
		if err := r.roll(ctx, name); err != nil {
			return r.stopped(ctx, i, err)
		}
		if err := r.client.SetRoll(ctx, r.nodes[i+1:]); err != nil {
			return r.stopped(ctx, i, err)
		}
		fmt.Fprintf(r.out, "%s: done, %d of %d\n", name, i+1, len(r.nodes))
	}
	return nil
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
	wait := drainWait{client: r.client, out: r.out, timeout: r.timeout, every: r.every}
	if node, err = wait.run(ctx, node); err != nil {
		return err
	}
	if err := r.restart(ctx, node); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s: waiting for its check\n", name)
	if err := r.healthy(ctx, wait, name); err != nil {
		return err
	}
	_, err = r.client.Undrain(ctx, name)
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
// and how to go on.
func (r *roller) stopped(ctx context.Context, at int, err error) error {
	code := exitCode(err)
	if ctx.Err() != nil {
		code, err = exitNotInTime, errors.New("interrupted")
	}
	text := fmt.Sprintf("roll stopped at %s: %v", r.nodes[at], err)
	if at > 0 {
		text += "\n  done: " + list(r.nodes[:at])
	}
	text += "\n  to do: " + list(r.nodes[at:])
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if node, err := r.client.Node(ctx, r.nodes[at]); err == nil {
		text += fmt.Sprintf("\n  %s is %s, with %s, health %s (%s)", node.Name, node.State, clients(node.Connections), node.Health, printable(node.Reason))
	}
	text += "\n  go on with it: " + r.again +
		"\n  or give it up: fermata undrain " + r.nodes[at] + " && fermata roll --cancel"
	return &exitError{code, errors.New(text)}
}
