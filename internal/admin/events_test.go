package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/admin/endpoint"
	"fermata/internal/connlimit"
)

func event(n int) admin.Event {
	return admin.Event{Time: time.Unix(int64(n), 0).UTC(), Type: "node_up", Node: "reverb-1", Message: fmt.Sprint("event ", n)}
}

// follower reads a stream of events from base.
type follower struct {
	t     *testing.T
	lines *bufio.Scanner
}

func follow(t *testing.T, base, lastID string) follower {
	t.Helper()
	return followPath(t, base, "/v1/events", lastID)
}

func followPath(t *testing.T, base, path, lastID string) follower {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", base+path, nil)
	r.Header.Set("Last-Event-ID", lastID)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got Content-Type %q, want text/event-stream", got)
	}
	return follower{t, bufio.NewScanner(response.Body)}
}

// next returns the next event's id and data; both empty at the end.
func (f follower) next() (id, data string) {
	f.t.Helper()
	for f.lines.Scan() {
		if value, ok := strings.CutPrefix(f.lines.Text(), "id: "); ok {
			id = value
		}
		if value, ok := strings.CutPrefix(f.lines.Text(), "data: "); ok {
			return id, value
		}
	}
	return "", ""
}

// nextKind returns the next message's type, empty for an event, and its data;
// both empty at the end.
func (f follower) nextKind() (kind, data string) {
	f.t.Helper()
	for f.lines.Scan() {
		if value, ok := strings.CutPrefix(f.lines.Text(), "event: "); ok {
			kind = value
		}
		if value, ok := strings.CutPrefix(f.lines.Text(), "data: "); ok {
			return kind, value
		}
	}
	return "", ""
}

func (f follower) want(n int) (id string) {
	f.t.Helper()
	id, data := f.next()
	want := fmt.Sprintf(`{"time":%q,"type":"node_up","node":"reverb-1","message":"event %d"}`, event(n).Time.Format(time.RFC3339), n)
	if data != want {
		f.t.Fatalf("got %s, want %s", data, want)
	}
	return id
}

func TestAFollowerGetsTheLatestEventsAndThenNewOnes(t *testing.T) {
	s := server(twoNodes(), "")
	base := start(t, s)
	for n := 1; n <= 150; n++ {
		s.Publish(event(n))
	}
	f := follow(t, base, "")
	for n := 51; n <= 150; n++ {
		f.want(n)
	}
	s.Publish(event(151))
	f.want(151)
}

func TestAFollowerThatComesBackMissesNothingAndGetsNothingTwice(t *testing.T) {
	s := server(twoNodes(), "")
	base := start(t, s)
	s.Publish(event(1))
	s.Publish(event(2))
	id := follow(t, base, "").want(1)
	back := follow(t, base, id)
	back.want(2)
	s.Publish(event(3))
	back.want(3)
}

func TestAnIDOfAnotherProcessCountsForNothing(t *testing.T) {
	s := server(twoNodes(), "")
	base := start(t, s)
	s.Publish(event(1))
	for _, id := range []string{"99", "old-99", "-1", "💥"} {
		follow(t, base, id).want(1)
	}
}

func TestStreamsEndWhenTheServerStopsAfterWhatWasPublished(t *testing.T) {
	s := server(twoNodes(), "")
	f := follow(t, start(t, s), "")
	s.Publish(event(1))
	s.Close()
	f.want(1)
	if id, data := f.next(); id != "" || data != "" {
		t.Errorf("got %s %s, want the end", id, data)
	}
	s.Publish(event(2)) // to nobody, and does no harm
	s.Close()
}

func TestAFollowerAfterTheEndGetsWhatThereWas(t *testing.T) {
	s := server(twoNodes(), "")
	base := start(t, s)
	s.Publish(event(1))
	s.Close()
	f := follow(t, base, "")
	f.want(1)
	if _, data := f.next(); data != "" {
		t.Errorf("got %s, want the end", data)
	}
}

func TestShutdownEndsTheStreams(t *testing.T) {
	s := server(twoNodes(), "")
	listener, err := endpoint.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := s.HTTPServer(connlimit.New(func() int { return 100 }, true, nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		web.Serve(listener)
	}()
	f := follow(t, "http://"+listener.Addr().String(), "")
	if err := web.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
	if _, data := f.next(); data != "" {
		t.Errorf("got %s, want the end", data)
	}
}

// stuck is a follower that never takes a byte until it is let go.
type stuck struct {
	header  http.Header
	blocked chan struct{}
	release chan struct{}
}

func (s *stuck) Header() http.Header { return s.header }
func (s *stuck) WriteHeader(int)     {}
func (s *stuck) Flush()              {}
func (s *stuck) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "data: ") {
		select {
		case s.blocked <- struct{}{}:
		default:
		}
		<-s.release
	}
	return len(b), nil
}

func TestASlowFollowerIsCutOffAndHoldsUpNobody(t *testing.T) {
	s := server(twoNodes(), "")
	slow := &stuck{http.Header{}, make(chan struct{}, 1), make(chan struct{})}
	ended := make(chan struct{})
	r, _ := http.NewRequestWithContext(context.Background(), "GET", "/v1/events", nil)
	s.Publish(event(0))
	go func() {
		defer close(ended)
		s.ServeHTTP(slow, r)
	}()
	<-slow.blocked // it follows, and stands in its first write
	for n := 1; n <= 1000; n++ {
		s.Publish(event(n))
	}
	close(slow.release)
	<-ended
}
