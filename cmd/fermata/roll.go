package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/console"
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
where it stopped. Only one roll can run at a time: one that was ended with
--cancel from elsewhere does nothing more, but lets a CMD that runs finish.`,
		ValidArgsFunction: flags.drain.where.completeNodes,
		RunE:              flags.run,
	}
	flags.drain.where.register(cmd)
	flags.drain.where.registerLocal(cmd, decideHere+"; wait for this member's clients and check only")
	flags.drain.registerSettings(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.exec, "exec", "", "the command `CMD` that restarts a node")
	f.DurationVar(&flags.timeout, "timeout", 0, "stop when a node is not empty, or not healthy again, after `D` (default: the drain's deadline, and 2m)")
	f.BoolVar(&flags.resume, "resume", false, "go on with the nodes that are left of a roll that stopped")
	f.BoolVar(&flags.cancel, "cancel", false, "end a roll, and forget what is left of it; its nodes stay as they are")
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
		return f.end(cmd, client)
	}
	r := &roller{
		client: client, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(),
		command: f.exec, request: f.drain.request(cmd), timeout: f.timeout, every: pollEvery,
		again: again(cmd), resumed: f.resume, runner: runner(), renewEvery: renewEvery, patience: awayPatience,
	}
	if r.nodes, err = f.nodes(cmd.Context(), r, args); err != nil {
		return err
	}
	if f.dryRun {
		return r.plan(cmd.Context())
	}
	return r.run(cmd.Context())
}

// end ends a roll, whoever runs it, and says what was left of it.
func (f *rollFlags) end(cmd *cobra.Command, client *admin.Client) error {
	before, err := client.Roll(cmd.Context())
	if err != nil {
		return err
	}
	roll, err := client.SetRoll(cmd.Context(), admin.Roll{Local: f.drain.where.local})
	if err != nil {
		return err
	}
	warn(cmd.ErrOrStderr(), "roll", roll.Warning)
	if len(before.Nodes) == 0 {
		return nil
	}
	by := ""
	if runs(before) {
		by = " that " + console.Printable(before.Runner) + " runs"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "the roll%s is ended; it had still to do %s\n", by, list(before.Nodes))
	return err
}

// runs is whether somebody is at work on a roll, by this machine's clock.
func runs(roll admin.Roll) bool { return roll.Runner != "" && time.Now().Before(roll.Until) }

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
		return nil, &exitError{exitRefused, underWay(left)}
	}
	nodes, err := r.client.Nodes(ctx, r.request.Local)
	if err != nil || len(args) > 0 {
		return args, errors.Join(err, unknown(args, nodes.Nodes))
	}
	return r.ready(nodes.Nodes), nil
}

// underWay says of another roll what can be done about it.
func underWay(roll admin.Roll) error {
	if runs(roll) {
		return fmt.Errorf("another roll is run by %s, and has still to do %s: wait for it, or end it with fermata roll --cancel",
			console.Printable(roll.Runner), list(roll.Nodes))
	}
	return fmt.Errorf("another roll is under way, or stopped, and has still to do %s: "+
		"go on with --resume, or forget it with fermata roll --cancel", list(roll.Nodes))
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
	for _, name := range []string{"close", "local"} {
		if f := cmd.Flags().Lookup(name); f.Changed {
			line += fmt.Sprintf(" --%s=%s", name, f.Value)
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
