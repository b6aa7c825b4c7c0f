package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
)

// told collects what a Watcher is called with, in short.
type told struct {
	texts []string
	next  func(text string) // called with each; may be nil
}

func (s *told) watcher() admin.Watcher {
	return admin.Watcher{
		Look:   func(l admin.Look) { s.add("look at " + l.Nodes[0].Name) },
		Sample: func(l admin.Sample) { s.add(fmt.Sprintf("sample %g", l.Opened)) },
		Event:  func(e admin.Event) { s.add(e.Message) },
	}
}

func (s *told) add(text string) {
	s.texts = append(s.texts, text)
	if s.next != nil {
		s.next(text)
	}
}

func (s *told) want(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(s.texts, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheClientWatchesAndGoesOnAfterTheLastEvent(t *testing.T) {
	s := server(twoNodes(), "secret")
	c := client(t, start(t, s), "secret")
	s.Publish(event(1))
	ctx, cancel := context.WithCancel(t.Context())
	first := told{next: func(text string) {
		if text == "look at reverb-1" {
			cancel()
		}
	}}
	last, err := c.Live(ctx, "", false, first.watcher())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	first.want(t, "event 1, look at reverb-1")

	s.Publish(event(2))
	second := told{next: func(string) { s.Close() }}
	if _, err := c.Live(t.Context(), last, false, second.watcher()); err != nil {
		t.Errorf("got %v, want the stream's end to be no error", err)
	}
	second.want(t, "event 2, look at reverb-1")
}

// liveAs is a client of something that answers a watcher with the text, and
// says nothing more.
func liveAs(t *testing.T, text string) *admin.Client {
	t.Helper()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, text)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(other.Close)
	return client(t, other.URL, "")
}

func TestTheClientTellsEachMessageByItsTypeAndPassesOverOthers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := told{next: func(text string) {
		if text == "last" {
			cancel()
		}
	}}
	liveAs(t, `retry: 2000

event: sample
data: {"opened": 2.5}

event: of a later Fermata
data: [}

: still here

id: x-1
data: {"message": "last"}

`).Live(ctx, "", false, got.watcher())
	got.want(t, "sample 2.5, last")
}

func TestAWatchedFermataThatFallsSilentCannotBeReached(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
	t.Parallel()
	begun := time.Now()
	_, err := liveAs(t, "retry: 2000\n\n").Live(t.Context(), "", false, (&told{}).watcher())
	if !errors.Is(err, admin.ErrUnreachable) || !strings.Contains(err.Error(), "nothing was heard for 5s") || time.Since(begun) < 5*time.Second {
		t.Errorf("got %v after %s, want silence after 5s", err, time.Since(begun))
	}
}

func TestAWatchedSomethingElseIsSaidToBeNotFermata(t *testing.T) {
	_, err := liveAs(t, "event: nodes\ndata: <html>\n\n").Live(t.Context(), "", false, (&told{}).watcher())
	if err == nil || !strings.Contains(err.Error(), "does not answer as Fermata does") {
		t.Errorf("got %v, want it to say that this is not Fermata", err)
	}
}
