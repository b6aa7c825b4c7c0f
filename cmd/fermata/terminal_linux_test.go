package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/screen/screentest"
)

// onTerminal calls do with a terminal of 100 columns, and returns what it
// showed.
func onTerminal(t *testing.T, do func(tty *os.File)) string {
	t.Helper()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	screen, tty := screentest.Pair(t, 100, 24)
	defer screen.Close()
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(screen) // ends with EIO when the other side is closed
		shown <- string(text)
	}()
	do(tty)
	tty.Close()
	return strings.ReplaceAll(<-shown, "\r\n", "\n")
}

func TestStatusHasColoursOnATerminal(t *testing.T) {
	running(t, threeNodes(), "")
	show := func(tty *os.File) { run(t.Context(), []string{"status"}, nil, tty, tty) }
	got := onTerminal(t, show)
	if !strings.Contains(got, "\x1b[31mdown\x1b[0m    ready") || !strings.Contains(got, "\x1b[32mup\x1b[0m      ready") {
		t.Errorf("got %q, want up in green and down in red, aligned", got)
	}
	plain := onTerminal(t, func(tty *os.File) {
		t.Setenv("NO_COLOR", "1")
		show(tty)
	})
	if strings.Contains(plain, "\x1b") || !strings.Contains(plain, "down    ready") {
		t.Errorf("got %q, want no colours with NO_COLOR", plain)
	}
}

func TestWatchDrawsOverWhatItShowedOnATerminal(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	control.Looked = func() {
		if n++; n == 3 {
			cancel()
		}
	}
	client, err := (&adminFlags{}).client()
	if err != nil {
		t.Fatal(err)
	}
	got := onTerminal(t, func(tty *os.File) {
		if err := (status{client: client, out: tty}).watch(ctx, time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	if strings.Count(got, "\x1b[2J") != 1 || strings.Count(got, "\x1b[H") != 2 || strings.Count(got, "NODE") != 2 {
		t.Errorf("got %q, want the screen cleared once and drawn twice", got)
	}
}

func TestWaitDrawsOneLineWithABarOnATerminal(t *testing.T) {
	control := threeNodes()
	control.Step = 15
	running(t, control, "")
	got := onTerminal(t, func(tty *os.File) {
		client, err := (&adminFlags{}).client()
		if err != nil {
			t.Fatal(err)
		}
		node, err := client.Drain(t.Context(), "reverb-1", admin.DrainRequest{Rate: new(1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (drainWait{client: client, out: tty, every: time.Millisecond}).run(t.Context(), node); err != nil {
			t.Error(err)
		}
	})
	want := "\rreverb-1  [" + strings.Repeat("#", 20) + strings.Repeat("-", 20) + "]  50%  15 of 30 left, 1/s, about 15s\x1b[K"
	if !strings.Contains(got, want) || !strings.Contains(got, "100%  0 of 30 left") || strings.Contains(got, "\n") {
		t.Errorf("got %q, want one line with %q", got, want)
	}
}

func TestTheOutcomeIsCutBeforeTheBarIsTooShort(t *testing.T) {
	node := admin.Node{Name: "reverb-1", Drain: &admin.Drain{Initial: 2, Remaining: 1, Rate: 10, Outcome: some}}
	got := (drainWait{out: &bytes.Buffer{}}).line(node) // of 80 columns
	if want := "reverb-1  [#####-----]  50%  1 of 2 left, 10/s; 22 moved, 8 closed: 6 without …"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestALineTooLongForTheTerminalHasNoBar(t *testing.T) {
	node := admin.Node{Name: strings.Repeat("n", 80), Drain: &admin.Drain{Initial: 2, Remaining: 1}}
	if got := (drainWait{out: &bytes.Buffer{}}).line(node); strings.Contains(got, "[") {
		t.Errorf("got %q, want no bar", got)
	}
}

func TestTheConsoleLogIsReadableAndHasColoursOnATerminalAlone(t *testing.T) {
	s := apptest.Configured(t, []string{"http://127.0.0.1:9"}, "log: {format: console}\n")
	serve := func(errOut io.Writer) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it starts, and stops at once
		run(ctx, []string{"serve", "-c", s.File}, nil, io.Discard, errOut)
	}
	shown := onTerminal(t, func(tty *os.File) { serve(tty) })
	if !strings.Contains(shown, "\x1b[32mINFO\x1b[0m   \x1b[1mserving\x1b[0m         \x1b[2mnodes=\x1b[0m1") {
		t.Errorf("got %q, want colours on a terminal", shown)
	}
	var piped strings.Builder
	serve(&piped)
	if got := piped.String(); strings.ContainsAny(got, "\x1b{}") || !strings.Contains(got, "  INFO   serving         nodes=1  max_clients=") {
		t.Errorf("got %q, want plain aligned text", got)
	}
}
