// Package command is what the programs of the laboratory have in common: their
// beginning and end, and the flags that all of them have.
package command

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
)

// Main runs a program of that name with its arguments, and ends the process
// if that is an error. The context ends upon SIGINT and SIGTERM.
func Main(name string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	runtime.LockOSThread() // children end with the thread that started them
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Options are the flags that all of them have.
type Options struct {
	Fermata   string // a binary; empty: built
	JSON, SVG string // files for the report and its chart; empty: none
	Timeout   time.Duration
}

// Define defines the flags, with a default for the timeout.
func (o *Options) Define(flags *flag.FlagSet, timeout time.Duration) {
	flags.StringVar(&o.Fermata, "fermata", "", "Fermata's `BINARY`; built if empty")
	flags.StringVar(&o.JSON, "json", "", "write the report to this `FILE` too")
	flags.StringVar(&o.SVG, "svg", "", "write a chart to this `FILE`")
	flags.DurationVar(&o.Timeout, "timeout", timeout, "of everything")
}

// Bound ends a context when the timeout has passed.
func (o *Options) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not finished within %v", o.Timeout))
}

// Write writes the files that are wanted.
func (o *Options) Write(json, svg func(io.Writer) error) error {
	return errors.Join(write(o.JSON, json), write(o.SVG, svg))
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

// List is what a flag names, with commas or spaces between.
func List(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// Pause waits, or returns why ctx ended.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
