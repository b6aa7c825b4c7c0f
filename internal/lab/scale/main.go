//go:build linux

// Command scale says how many members, nodes and cells a number of clients needs,
// and what is too little first. It prints the tables of docs/scale.md, which come from
// figures that were measured and from a model. With -clients it does so for other
// clients than the page's, and with -measure it measures again what a cluster needs
// of Redis.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/sheet"
)

func main() { command.Main("scale", run) }

// options are the flags.
type options struct {
	load    load
	measure string
	svg     string
	timeout time.Duration
}

// run prints the tables, after a measurement if that is asked for.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	found, err := o.findings(ctx, stderr)
	if err != nil {
		return err
	}
	if err := o.draw(); err != nil {
		return err
	}
	for _, t := range o.tables(found) {
		if _, err := fmt.Fprintf(stdout, "%s\n", t); err != nil {
			return err
		}
	}
	return nil
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.load.clients, "clients", 0, "how many; 0: those of docs/scale.md")
	flags.Float64Var(&o.load.every, "every", ordinary.every, "`SECONDS` from one message to the next that a client gets")
	flags.Float64Var(&o.load.channel, "channel", ordinary.channel, "how many clients get the same message")
	flags.StringVar(&o.measure, "measure", "", "measure again, and write what came out to this `FILE` (internal/lab/scale/measured.json is the one that is built in)")
	flags.StringVar(&o.svg, "svg", "", "write the chart to this `FILE`")
	flags.DurationVar(&o.timeout, "timeout", 15*time.Minute, "of the measurement")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.load.clients < 0 || o.load.every <= 0 || o.load.channel < 1 {
		return o, errors.New("got an argument or a number that makes no sense; see -help")
	}
	return o, nil
}

// findings are those that are built in, unless it is to be measured.
func (o options) findings(ctx context.Context, progress io.Writer) (findings, error) {
	if o.measure == "" {
		return builtIn()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not finished within %v", o.timeout))
	defer cancel()
	found, err := measure(ctx, progress)
	return found, errors.Join(err, write(o.measure, func(w io.Writer) error { return sheet.JSON(w, found) }))
}

// draw writes the chart, if it is wanted.
func (o options) draw() error {
	if o.svg == "" {
		return nil
	}
	return write(o.svg, chart(o.load).SVG)
}

func write(file string, text func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(text(f), f.Close())
}

// tables are all of the page's, or those of so many clients.
func (o options) tables(found findings) []string {
	loads := o.loads()
	if o.load.clients > 0 {
		return []string{needs(loads), together(loads)}
	}
	return []string{needs(loads), together(loads), costs(), traffic(), clusters(found)}
}

func (o options) loads() (all []load) {
	for _, clients := range []int{100_000, 1_000_000, 10_000_000} {
		l := o.load
		l.clients = clients
		all = append(all, l)
	}
	if o.load.clients > 0 {
		return []load{o.load}
	}
	return all
}
