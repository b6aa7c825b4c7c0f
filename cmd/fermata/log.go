package main

import (
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"fermata/internal/console"
)

// withLog has run log to w, where its error goes too. Neither a reader that is
// stopped nor one that is gone does any harm.
func withLog(w io.Writer, run func(*console.Queue) error) error {
	outliveReaders()
	lines := console.StartQueue(w)
	defer lines.Close()
	log.SetOutput(lines) // net/http logs what it cannot tell otherwise
	defer log.SetOutput(os.Stderr)
	if err := run(lines); err != nil {
		report(lines, err)
		return &reportedError{err}
	}
	return nil
}

// outliveReaders makes writing to a closed pipe an error: on standard output and
// standard error it otherwise ends the process.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// reportedError is an error that has been printed.
type reportedError struct{ error }

func (e *reportedError) Unwrap() error { return e.error }
