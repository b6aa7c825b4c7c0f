package command

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestOnlyTheFilesThatAreWantedAreWritten(t *testing.T) {
	var o Options
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	o.Define(flags, time.Minute)
	file := filepath.Join(t.TempDir(), "report.json")
	if err := flags.Parse([]string{"-json", file}); err != nil || o.Timeout != time.Minute {
		t.Fatalf("got %+v, %v, want a minute", o, err)
	}
	text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	if err := o.Write(text, func(io.Writer) error { t.Error("got a chart, want none"); return nil }); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(file); string(got) != "text" {
		t.Errorf("got %q, %v, want text", got, err)
	}
}

func TestAListHasCommasOrSpaces(t *testing.T) {
	if got := List("a,b c, "); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %q, want a, b and c", got)
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	if err := Pause(ctx, time.Hour); err != io.ErrClosedPipe {
		t.Errorf("got %v, want why the context ended", err)
	}
	if err := Pause(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}
