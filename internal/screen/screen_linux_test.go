package screen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fermata/internal/admin"
	"fermata/internal/screen/screentest"
)

// shown is a screen that runs on a terminal and shows two nodes.
type shown struct {
	*Screen
	terminal *screentest.Terminal
	ended    chan any // what Run returned or panicked with
}

func show(t *testing.T) *shown {
	t.Helper()
	p := newPerson(t, twoNodes()...)
	s := &shown{terminal: screentest.Open(t, 80, 24), ended: make(chan any, 1)}
	s.Screen = New(Options{In: s.terminal.TTY, Out: s.terminal.TTY, Address: "here", Styled: true}, p.client)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		defer func() {
			if value := recover(); value != nil {
				s.ended <- value
			}
		}()
		s.ended <- s.Run(ctx)
	}()
	s.terminal.Wait("Fermata at here", "> reverb-1", "reverb-2", "q quit")
	return s
}

// wantEnd waits for the end, with text in what Run returned or panicked with.
func (s *shown) wantEnd(t *testing.T, text string) {
	t.Helper()
	if got := fmt.Sprint(<-s.ended); !strings.Contains(got, text) {
		t.Errorf("got %s, want %s", got, text)
	}
	s.terminal.WantAsBefore()
}

func TestQuittingGivesTheTerminalBack(t *testing.T) {
	for _, k := range []string{"q", "\x03", "\x04", "?\x03", "d\x03"} {
		s := show(t)
		s.terminal.Type(k)
		s.wantEnd(t, "<nil>")
	}
}

func TestSignalsGiveTheTerminalBack(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGHUP, unix.SIGQUIT} {
		s := show(t)
		if err := unix.Kill(os.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		s.wantEnd(t, "<nil>")
	}
}

func TestAPanicGivesTheTerminalBackFirst(t *testing.T) {
	s := show(t)
	s.changes <- func(*model) { panic("ours") }
	s.wantEnd(t, "ours")

	s = show(t)
	s.changes <- func(*model) {
		s.do(t.Context(), func(context.Context, *admin.Client) change { panic("another's") })
	}
	s.wantEnd(t, "another's\n\ngoroutine ")
}

func TestTheFirstKeyFindsTheNodes(t *testing.T) {
	check := func(first change, want string) {
		t.Helper()
		s := New(Options{}, nil)
		s.changes <- func(m *model) { m.happened(admin.Event{Type: "node up"}) }
		s.changes <- first
		if err := s.await(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantText(t, &s.model, "node up", want)
	}
	check(func(m *model) { m.looked(threeNodes().look) }, "> reverb-1")
	check(func(m *model) { m.missed(errors.New("gone")) }, "No word from Fermata since then, trying again: gone")
}

func TestAnErrorGivesTheTerminalBackFirst(t *testing.T) {
	s := show(t)
	s.fail(errors.New("broken"))
	s.wantEnd(t, "broken")
}

func TestTheConsoleEndsWithItsTerminal(t *testing.T) {
	s := show(t)
	s.terminal.Hangup()
	<-s.ended
}

func TestANewSizeIsDrawnAtOnce(t *testing.T) {
	s := show(t)
	s.terminal.Resize(40, 12)
	s.terminal.Wait("NODE     HEALTH STATE    CLIENTS", "d drain   u undrain   ? help   q quit\n")
	s.terminal.Resize(120, 30)
	s.terminal.Wait("REASON", "j/k select")
	s.terminal.Type("q")
	s.wantEnd(t, "<nil>")
}

func TestWhoeverIsNotThereAtFirstIsAnErrorOnAnUntouchedTerminal(t *testing.T) {
	check := func(answer http.HandlerFunc, want string) {
		t.Helper()
		other := httptest.NewServer(answer)
		defer other.Close()
		client, err := admin.NewClient(other.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		terminal := screentest.Open(t, 80, 24)
		err = New(Options{In: terminal.TTY, Out: terminal.TTY}, client).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		terminal.WantAsBefore()
	}
	check(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot reach the admin endpoint")
	check(func(http.ResponseWriter, *http.Request) {}, "the stream has ended")
	check(http.NotFound, "which is not how Fermata answers")
}
