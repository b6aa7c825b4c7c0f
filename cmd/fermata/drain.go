package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// drainFlags are those of the drain command.
type drainFlags struct {
	where    adminFlags
	grace    time.Duration
	rate     int
	deadline time.Duration
	code     int
	timeout  time.Duration
	wait     bool
	dryRun   bool
	force    bool
	close    bool
	json     bool
}

func newDrainCommand() *cobra.Command {
	var flags drainFlags
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move a node's clients to other nodes",
		Long: `Move a node's clients to other nodes, at a rate that these can take.

The node gets no new clients from now on. Those that have a session (their app
is in the configuration) move to another node, and their sockets stay. The
others are closed with a code on which they come back at once, to another node;
with --close all are. What is not given here is as the configuration has it or,
for a node that is draining, stays as it is: so another drain changes the one
under way, and --close=false has the rest moved after all. Undrain ends it, and
puts the node back. It is refused where the other nodes would get more than
max_connections, or fewer of them would be left than drain.min_usable.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.where.completeNode,
		RunE:              func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args[0]) },
	}
	flags.where.register(cmd)
	flags.where.registerLocal(cmd, decideHere+"; wait for this member's clients only")
	flags.registerSettings(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.wait, "wait", false, "show the progress, return when the node is empty")
	f.DurationVar(&flags.timeout, "timeout", 0, "with --wait: stop waiting after `D`; the drain goes on")
	f.BoolVar(&flags.dryRun, "dry-run", false, "only say whether it would be done, and what load the other nodes would get")
	f.BoolVar(&flags.force, "force", false, "whatever that does to the other nodes")
	f.BoolVar(&flags.json, "json", false, "print the node as the API's JSON")
	return cmd
}

// registerSettings is for every command that drains.
func (f *drainFlags) registerSettings(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationVar(&f.grace, "grace", 0, "leave clients alone for `D` at first")
	flags.IntVar(&f.rate, "rate", 0, "move `N` clients per second, 0 for all at once")
	flags.DurationVar(&f.deadline, "deadline", 0, "the last client is gone after `D`, counted from the drain's start")
	flags.BoolVar(&f.close, "close", false, "close clients that have a session, too, instead of moving them")
	flags.IntVar(&f.code, "code", 0, "close clients with the code `N` (4200–4299: clients come back at once)")
}

func (f *drainFlags) run(cmd *cobra.Command, name string) error {
	if err := f.check(); err != nil {
		return &exitError{exitUsage, err}
	}
	client, err := f.where.client()
	if err != nil {
		return err
	}
	node, err := client.Drain(cmd.Context(), name, f.request(cmd))
	if err != nil {
		return hintForce(err)
	}
	warn(cmd.ErrOrStderr(), name, node.Warning)
	if f.wait {
		wait := drainWait{client: client, out: cmd.OutOrStdout(), timeout: f.timeout, every: pollEvery, local: f.where.local}
		if f.json {
			wait.out = cmd.ErrOrStderr()
		}
		if node, err = wait.run(cmd.Context(), node); err != nil {
			return err
		}
	}
	return f.report(cmd.OutOrStdout(), node)
}

func (f *drainFlags) check() error {
	if f.wait && f.dryRun {
		return errors.New("got --wait and --dry-run, want one of them")
	}
	if f.timeout != 0 && !f.wait {
		return errors.New("got --timeout without --wait, want both")
	}
	if f.timeout < 0 {
		return fmt.Errorf("--timeout: got %s, want 0s or more", f.timeout)
	}
	return nil
}

// request has only what was given; Fermata knows its configuration's values.
func (f *drainFlags) request(cmd *cobra.Command) admin.DrainRequest {
	request := admin.DrainRequest{Force: f.force, DryRun: f.dryRun, Local: f.where.local}
	if cmd.Flags().Changed("grace") {
		request.Grace = new(admin.Duration(f.grace))
	}
	if cmd.Flags().Changed("rate") {
		request.Rate = new(f.rate)
	}
	if cmd.Flags().Changed("deadline") {
		request.Deadline = new(admin.Duration(f.deadline))
	}
	if cmd.Flags().Changed("code") {
		request.CloseCode = new(f.code)
	}
	if cmd.Flags().Changed("close") {
		request.Close = new(f.close)
	}
	return request
}

func hintForce(err error) error {
	if exitCode(err) != exitRefused {
		return err
	}
	return fmt.Errorf("%w (--force drains it all the same)", err)
}

func (f *drainFlags) report(out io.Writer, node admin.Node) error {
	if f.json {
		return admin.Encode(out, node)
	}
	text := f.sentence(node) + "\n"
	if f.dryRun && node.State == admin.StateReady {
		text += forecastTable(out, node.Forecast)
	}
	_, err := io.WriteString(out, text)
	return err
}

func (f *drainFlags) sentence(node admin.Node) string {
	switch {
	case f.dryRun && node.State != admin.StateReady:
		return fmt.Sprintf("%s is %s already", node.Name, node.State)
	case f.dryRun:
		return fmt.Sprintf("%s would be drained of %s", node.Name, clients(node.Connections))
	case empty(node):
		return withOutcome(node.Name+" is drained", "; ", node)
	case node.Drain == nil:
		return withOutcome(node.Name+" is draining", "; ", node)
	}
	todo := "move"
	if node.Drain.Close {
		todo = "close"
	}
	return withOutcome(fmt.Sprintf("%s is draining: %s to %s, %s, until %s", node.Name, clients(node.Drain.Remaining), todo,
		rateOf(node.Drain.Rate), node.Drain.Deadline.Local().Format(time.TimeOnly)), "; ", node)
}

// withOutcome adds what has become of the node's clients, if some have gone.
func withOutcome(text, gap string, node admin.Node) string {
	outcome := node.Outcome().Text
	if outcome == "" {
		return text
	}
	return text + gap + console.Printable(outcome)
}

// warn prints a warning of the API's, if there is one.
func warn(w io.Writer, about, warning string) {
	if warning != "" {
		fmt.Fprintf(w, "fermata: warning: %s: %s\n", about, console.Printable(warning))
	}
}

func clients(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}
