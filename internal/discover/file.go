package discover

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// InFile looks for nodes in a file: read returns its text, and parse makes nodes
// of that. What has changed is taken once it stays the same for a moment, since
// somebody may be writing it. Reading, instead of asking the system for events,
// also sees a symlink swapped somewhere above the file, and a network file system.
func InFile(read func() ([]byte, error), parse func(text []byte) ([]Node, error)) Look {
	var taken []byte
	return func(ctx context.Context) ([]Node, error) {
		text, err := readStill(ctx, read, taken)
		if err != nil {
			return nil, err
		}
		taken = text
		return parse(text)
	}
}

const (
	still = 200 * time.Millisecond
	tries = 10
)

var errBeingWritten = errors.New("it changes all the time")

// readStill returns the text when it is what is known, or stays the same for a
// moment.
func readStill(ctx context.Context, read func() ([]byte, error), known []byte) ([]byte, error) {
	text, err := readWithin(ctx, read)
	for range tries {
		if err != nil || known != nil && bytes.Equal(text, known) {
			return text, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(still):
		}
		known = text
		text, err = readWithin(ctx, read)
	}
	return nil, errBeingWritten
}

// readWithin gives up with ctx: a file system that does not answer is left alone
// then.
func readWithin(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type content struct {
		text []byte
		err  error
	}
	come := make(chan content, 1)
	go func() {
		text, err := read()
		come <- content{text, err}
	}()
	select {
	case c := <-come:
		return c.text, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
