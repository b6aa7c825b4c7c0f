//go:build linux

// Command storm compares what becomes of thousands of real clients when their
// nodes are drained, killed, frozen and restarted: with Fermata, nginx, HAProxy
// and no balancer in front of the same five nodes; when the balancer itself is
// replaced; and what becomes of a drain and
// of max_connections where several Fermatas stand side by side.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode/process"
)

func main() {
	process.Become()
	command.Main("storm", run)
}

// run plays all cases and reports, also what there is when ctx ends early,
// which is an error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	r, err := s.run(ctx)
	return errors.Join(err, r.Text(stdout), s.Write(r.JSON, r.SVG))
}

// options are the flags.
type options struct {
	command.Options
	clients   int
	libraries []string
	scenarios []*scenario
	balancers []*balancer
	patience  time.Duration
	events    float64
	spread    time.Duration
}

func parse(args []string, stderr io.Writer) (*storm, error) {
	s := &storm{progress: stderr}
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "a,b,c,d,i", "the `SCENARIOS` to play: a (drain), b (kill), c (freeze), d (restart), i (upgrade, of the balancer); of several Fermatas e (members), f (member), g (redis), h (cap); cluster stands for e to h")
	balancers := flags.String("balancers", "fermata,fermata-no-apps,nginx,haproxy,none,cluster,apart,one", "the `NAMES` of whom to compare")
	libraries := flags.String("library", "pusher-js,pusher-js-8-1", "what the clients are, in equal parts: pusher-js (8.6), pusher-js-8-1, or both")
	flags.IntVar(&s.clients, "clients", 5000, "how many")
	flags.DurationVar(&s.patience, "patience", 75*time.Second, "how long a case is watched, at most")
	flags.Float64Var(&s.events, "events", 1, "how many are published a second: to the public channel, the private one and the presence channels in turn")
	flags.DurationVar(&s.spread, "spread", 20*time.Second, "in scenario i, how long Fermata's old process closes clients with TLS (upgrade.spread)")
	s.Define(flags, 25*time.Minute)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 || s.clients < 1 || s.patience <= 0 || s.spread <= 0 || s.events <= 0 {
		return nil, errors.New("got an argument or a number that makes no sense; see -help")
	}
	var errs [3]error
	s.scenarios, errs[0] = scenariosNamed(command.List(*only))
	s.balancers, errs[1] = chosen(command.List(*balancers))
	s.libraries, errs[2] = librariesNamed(command.List(*libraries))
	return s, errors.Join(errs[:]...)
}

func librariesNamed(names []string) ([]string, error) {
	for _, name := range names {
		if name != "pusher-js" && name != "pusher-js-8-1" {
			return nil, fmt.Errorf("got library %q, want pusher-js or pusher-js-8-1", name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("got no library, want pusher-js or pusher-js-8-1")
	}
	return names, nil
}
