//go:build linux

// Command bench compares Fermata with nginx, HAProxy and Caddy: it gives each
// the same work in turn, on loopback, and prints one table of what that cost.
// They do round trips and broadcasts in many short turns, while all of them run.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"time"

	"fermata/internal/lab/bench/load"
	"fermata/internal/lab/bench/node"
	"fermata/internal/lab/bench/report"
	"fermata/internal/lab/bench/strangers"
	"fermata/internal/lab/child"
	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode/process"
)

func main() {
	become()
	command.Main("bench", run)
}

// become turns this process into a node or the load generator, if it is a
// child.
func become() {
	child.Become(map[string]func() error{
		process.Role: process.Main,

		"node":        func() error { return child.Serve(node.New) },
		"load":        func() error { return child.Serve(load.New) },
		withStrangers: func() error { return child.Serve(strangers.New) },
	})
}

// options are the flags.
type options struct {
	command.Options
	parts           []part
	rounds, clients int
	rate            int // round trips per second
	duration        time.Duration
	settle          time.Duration // until a proxy is at rest after its clients have come
}

// run measures and reports. It returns early with an error when ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	b, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := b.Bound(ctx)
	defer cancel()
	r, err := b.run(ctx)
	if err != nil {
		return err
	}
	return errors.Join(r.Text(stdout), b.Write(r.JSON, func(w io.Writer) error {
		return r.SVG(w, b.charted())
	}))
}

// charted are the columns of the chart: programs with their usual configuration.
func (b *bench) charted() (names []string) {
	for _, p := range b.proxies {
		if p.Name != direct {
			names = append(names, p.Name)
		}
	}
	return names
}

func parse(args []string, stderr io.Writer) (*bench, error) {
	b := &bench{progress: stderr, report: new(report.Report)}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "the `PARTS` to run: idle, traffic, new, rest, usual, with /plain or /tls behind it or without; session, with /memory, /traffic or /moves; edge, with /tls, /proxy or /strangers; upgrade, with /plain or /new")
	names := flags.String("proxies", "fermata,nginx,haproxy,caddy,direct", "the `NAMES` of whom to measure")
	flags.IntVar(&b.rounds, "rounds", 3, "how often; usual, which takes long, runs twice at most, and parts about memory, which hardly varies, once")
	flags.IntVar(&b.clients, "clients", 9000, "idle clients; ninths of them do the rest")
	flags.IntVar(&b.rate, "rate", 5000, "round trips per second")
	flags.DurationVar(&b.duration, "duration", 3*time.Second, "of each proxy's round trips in a round, in turns; broadcasts take half of it")
	flags.DurationVar(&b.settle, "settle", 2*time.Second, "from the last client's coming to the memory's measurement")
	b.Define(flags, 40*time.Minute)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 || b.rounds < 1 || b.clients < 1 || b.rate < 1 || b.duration <= 0 || b.settle < 0 {
		return nil, errors.New("got an argument or a number that makes no sense; see -help")
	}
	var err, err2 error
	b.parts, err = partsNamed(command.List(*only))
	b.proxies, err2 = chosen(command.List(*names))
	return b, errors.Join(err, err2)
}
