package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/screen/screentest"
)

// watched is "fermata status --watch" on a terminal.
type watched struct {
	*screentest.Terminal
	interrupt func()
	code      chan int
	errors    strings.Builder // complete when code is there
}

// watch watches the Fermata at the address, on 80 columns.
func watch(t *testing.T, address string) *watched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watched{Terminal: screentest.Open(t, 80, 24), interrupt: cancel, code: make(chan int, 1)}
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		w.code <- run(ctx, []string{"status", "--watch", "--admin", address}, w.TTY, w.TTY, &w.errors)
	}()
	w.Wait("Fermata at " + address[:20])
	return w
}

// ends waits for the end, and for the terminal to be as before.
func (w *watched) ends(t *testing.T, want int) {
	t.Helper()
	if code := <-w.code; code != want {
		t.Errorf("got exit %d, %s, want %d", code, &w.errors, want)
	}
	w.WantAsBefore()
}

func TestAPersonDrainsANodeFromTheWatch(t *testing.T) {
	s := apptest.New(t, 3, "drain: {rate: 0}\ntimeouts: {close: 200ms}\n")
	for range 6 {
		s.Dial()
	}
	w := watch(t, s.Admin)
	w.Wait("3 of 3 nodes usable   6 of 2850 clients", "> reverb-1  up      ready ")
	w.Type("\x1b[Bk\x1b[B")
	w.Wait("> reverb-2  up      ready ")
	w.Type("d")
	w.Wait("Drain reverb-2 of ", "NODE          NOW    AFTER      MAX", "reverb-3 ", "y drain   n leave it alone")
	w.Type("y")
	w.Wait("2 of 3 nodes usable", "> reverb-2  up      drained ", "drained      reverb-2: its last client has gone")
	w.Type("u")
	w.Wait("3 of 3 nodes usable", "> reverb-2  up      ready ", "undrain      reverb-2: takes clients again")
	w.Type("q")
	w.ends(t, exitDone)
}

func TestADrainUnderWayIsWatchedWithItsProgress(t *testing.T) {
	s := apptest.New(t, 2, "drain: {rate: 1, grace: 1h, deadline: 2h}\n")
	for range 8 {
		s.Dial()
	}
	w := watch(t, s.Admin)
	w.Type("dy")
	w.Wait("Drain reverb-1 of ")
	w.Type("y")
	w.Wait("]    0%  ", " left, about ", ", begins in 59m")
	w.interrupt()
	w.ends(t, exitDone)
}

func TestARefusedDrainIsForcedFromTheWatch(t *testing.T) {
	s := apptest.New(t, 1, "")
	w := watch(t, s.Admin)
	w.Type("d")
	w.Wait("refused: ", "reverb-1 can only be drained by force.", "f force …")
	w.Type("f")
	w.Wait("Drain reverb-1 of 0 clients, by force?", "No other node can take them now.")
	w.Type("y")
	w.Wait("> reverb-1  up      drained ", "0 of 1 nodes usable")
	w.Type("\x03")
	w.ends(t, exitDone)
}

func TestTheWatchGoesOnWhenFermataWasRestarted(t *testing.T) {
	s := apptest.New(t, 2, "")
	w := watch(t, s.Admin)
	w.Wait("2 of 2 nodes usable")
	s.Stop()
	w.Wait("No word from Fermata since then, trying again: ", "stopping     all clients are moved away", "> reverb-1 ")
	w.Type("j")
	w.Wait("> reverb-2 ")
	s.Serve()
	w.WaitGone("No word")
	w.Wait("2 of 2 nodes usable", "> reverb-2 ", "stopping     all clients are moved away")
	w.Type("q")
	w.ends(t, exitDone)
}

func TestTheWatchNeedsAFermataAtFirst(t *testing.T) {
	terminal := screentest.Open(t, 80, 24)
	var errors strings.Builder
	code := run(t.Context(), []string{"status", "--watch", "--admin", "127.0.0.1:1"}, terminal.TTY, terminal.TTY, &errors)
	if code != exitUnreachable || !strings.Contains(errors.String(), "cannot reach the admin endpoint") {
		t.Errorf("got exit %d, %s, want %d", code, &errors, exitUnreachable)
	}
	terminal.WantAsBefore()
}

func TestTheWatchHasNoColoursWhereNoneAreWanted(t *testing.T) {
	apptest.TakesSeconds(t)
	shows := func(noColour string, want bool) {
		t.Helper()
		control := threeNodes()
		ctx, cancel := context.WithCancel(t.Context())
		looks := 0
		control.Looked = func() {
			if looks++; looks == 2 {
				cancel()
			}
		}
		running(t, control, "")
		got := onTerminal(t, func(tty *os.File) {
			t.Setenv("NO_COLOR", noColour)
			run(ctx, []string{"status", "--watch"}, tty, tty, tty)
		})
		if !strings.Contains(got, "dial refused") || strings.Contains(got, "\x1b[31mdown") != want || strings.Contains(got, "\x1b[1m") != want {
			t.Errorf("NO_COLOR=%s: got %q, want colours: %v", noColour, got, want)
		}
	}
	shows("", true)
	shows("1", false)
}

func TestTheWatchIsPlainWhereNobodyCouldPressAKey(t *testing.T) {
	control := threeNodes()
	running(t, control, "")
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	control.Looked = func() {
		if looks++; looks == 2 {
			cancel()
		}
	}
	got := onTerminal(t, func(tty *os.File) {
		run(ctx, []string{"status", "--watch"}, strings.NewReader(""), tty, tty)
	})
	if !strings.Contains(got, "CONNECTIONS") || strings.Contains(got, "q quit") {
		t.Errorf("got %q, want the table without keys", got)
	}
}
