package discover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"
)

// read has a file in fake time, whose text is the name of a node.
func read(t *testing.T, text func(after time.Duration) (string, error), during func(look func() (string, error))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		look := InFile(func() ([]byte, error) {
			text, err := text(time.Since(start))
			return []byte(text), err
		}, func(text []byte) ([]Node, error) {
			if len(text) == 0 {
				return nil, errors.New("empty")
			}
			return []Node{{Name: string(text)}}, nil
		})
		during(func() (string, error) {
			nodes, err := look(t.Context())
			return fmt.Sprint(nodes), err
		})
	})
}

func named(name string) string { return fmt.Sprint([]Node{{Name: name}}) }

func TestAFileThatIsBeingWrittenIsTakenWhenItStaysTheSame(t *testing.T) {
	read(t, func(after time.Duration) (string, error) {
		return "reverb"[:min(6, 1+after/(100*time.Millisecond))], nil
	}, func(look func() (string, error)) {
		if got, err := look(); got != named("reverb") || err != nil {
			t.Errorf("got %s, %v, want all of it", got, err)
		}
	})
}

func TestAFileThatChangesAllTheTimeIsNotTaken(t *testing.T) {
	read(t, func(after time.Duration) (string, error) { return after.String(), nil }, func(look func() (string, error)) {
		if got, err := look(); !errors.Is(err, errBeingWritten) {
			t.Errorf("got %s, %v, want %v", got, err, errBeingWritten)
		}
	})
}

func TestAFileThatStaysTheSameIsReadOnce(t *testing.T) {
	reads := 0
	read(t, func(time.Duration) (string, error) { reads++; return "reverb", nil }, func(look func() (string, error)) {
		for want := range 5 {
			if got, err := look(); got != named("reverb") || err != nil || reads != want+2 {
				t.Errorf("got %s, %v, after %d reads, want one more each time", got, err, reads)
			}
		}
	})
}

func TestAFileThatIsGoneIsAnErrorUntilItIsBack(t *testing.T) {
	var gone error
	read(t, func(time.Duration) (string, error) { return "reverb", gone }, func(look func() (string, error)) {
		for _, gone = range []error{nil, fs.ErrNotExist, fs.ErrPermission, nil} {
			if got, err := look(); !errors.Is(err, gone) || (err == nil) != (got == named("reverb")) {
				t.Errorf("got %s, %v, want %v", got, err, gone)
			}
		}
	})
}

func TestAFileSystemThatDoesNotAnswerKeepsNobodyFromEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan struct{})
		look := InFile(func() ([]byte, error) { <-answers; return nil, nil }, func([]byte) ([]Node, error) { return nil, nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if nodes, err := look(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v, want the end of the context", nodes, err)
		}
		close(answers)
	})
}
