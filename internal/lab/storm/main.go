//go:build linux

// Command storm compares what becomes of thousands of real clients when their
// nodes are drained, killed, frozen and restarted: with Fermata, nginx, HAProxy
// and no balancer in front of the same five nodes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"fermata/internal/devnode/process"
)

func main() {
	process.Become()
	runtime.LockOSThread() // the children end with the thread that started them
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

// run plays all cases and reports, also what there is when ctx ends early,
// which is an error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("not finished within %v", s.timeout))
	defer cancel()
	r, err := s.run(ctx)
	return errors.Join(err, r.Text(stdout), write(s.json, r.JSON), write(s.svg, r.SVG))
}

// options are the flags.
type options struct {
	clients   int
	libraries []string
	scenarios []*scenario
	balancers []*balancer
	patience  time.Duration
	fermata   string // a binary; empty: built
	json, svg string // files; empty: none
	timeout   time.Duration
}

func parse(args []string, stderr io.Writer) (*storm, error) {
	s := &storm{progress: stderr}
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "a,b,c,d", "the `SCENARIOS` to play: a (drain), b (kill), c (freeze), d (restart)")
	balancers := flags.String("balancers", "fermata,nginx,haproxy,none", "the `NAMES` of whom to compare")
	libraries := flags.String("library", "pusher-js,pusher-js-8-1", "what the clients are, in equal parts: pusher-js (8.6), pusher-js-8-1, or both")
	flags.IntVar(&s.clients, "clients", 5000, "how many")
	flags.DurationVar(&s.patience, "patience", 75*time.Second, "how long a case is watched, at most")
	flags.StringVar(&s.fermata, "fermata", "", "Fermata's `BINARY`; built if empty")
	flags.StringVar(&s.json, "json", "", "write the report to this `FILE` too")
	flags.StringVar(&s.svg, "svg", "", "write the curves to this `FILE`")
	flags.DurationVar(&s.timeout, "timeout", 25*time.Minute, "of everything")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 || s.clients < 1 || s.patience <= 0 {
		return nil, errors.New("got an argument or a number that makes no sense; see -help")
	}
	var errs [3]error
	s.scenarios, errs[0] = scenariosNamed(list(*only))
	s.balancers, errs[1] = chosen(list(*balancers))
	s.libraries, errs[2] = librariesNamed(list(*libraries))
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

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func write(file string, text func(io.Writer) error) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(text(f), f.Close())
}
