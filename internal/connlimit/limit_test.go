package connlimit

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const patience = 20 * time.Second

// site is a server with a Limit. Requests for /slow last until finish.
type site struct {
	t       *testing.T
	address string
	reached chan struct{} // has one for each slow request that is there
	idle    chan struct{} // has one for each connection whose request has been answered
	finish  func()
}

func newSite(t *testing.T, most int, requests bool) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, address: l.Addr().String(), reached: make(chan struct{}, 100), idle: make(chan struct{}, 100)}
	over := make(chan struct{})
	s.finish = sync.OnceFunc(func() { close(over) })
	limit := New(func() int { return most }, requests, nil)
	server := http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				s.reached <- struct{}{}
				<-over
			}
		}),
		ConnState: func(conn net.Conn, state http.ConnState) {
			limit.ConnState(conn, state)
			if state == http.StateIdle {
				s.idle <- struct{}{}
			}
		},
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(l)
	}()
	t.Cleanup(func() {
		s.finish()
		server.Close()
		<-ended
	})
	return s
}

// conn is one that sends text.
func (s *site) conn(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// slow is a request that the server has.
func (s *site) slow() net.Conn {
	c := s.conn("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-s.reached
	return c
}

// served is a request that must be answered; its connection stays. It returns
// once the server knows that the connection is idle, which is after the answer.
func (s *site) served() net.Conn {
	s.t.Helper()
	c := s.conn("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantAnswer(s.t, "a request", c)
	<-s.idle
	return c
}

func wantAnswer(t *testing.T, what string, c net.Conn) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: got %v, %v, want an answer", what, answer, err)
	}
}

func wantClosed(t *testing.T, what string, c net.Conn) {
	t.Helper()
	var late net.Error
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
		t.Errorf("%s: got %v, want that it is closed", what, err)
	}
}

func TestConnectionsThatSayNothingKeepNobodyOut(t *testing.T) {
	s := newSite(t, 5, true)
	s.slow() // which is no reason to let nobody in
	var silent []net.Conn
	for i := range 40 {
		silent = append(silent, s.conn(strings.Repeat("G", i%2))) // or half a request
	}
	s.served().Close()
	for _, c := range silent[:30] {
		wantClosed(t, "silent", c)
	}
	s.slow()
}

func TestAnIdleConnectionGoesBeforeOneWithARequest(t *testing.T) {
	s := newSite(t, 3, true)
	first := s.slow()
	idle := s.served()
	second := s.slow()
	third := s.slow()
	wantClosed(t, "idle", idle)
	fourth := s.slow()
	wantClosed(t, "the oldest request", first)
	s.finish()
	for _, c := range []net.Conn{second, third, fourth} {
		wantAnswer(t, "a younger request", c)
	}
}

func TestARequestUnderWayIsNotCutForAnother(t *testing.T) {
	s := newSite(t, 2, false)
	first := s.slow()
	second := s.slow()
	wantClosed(t, "the third", s.conn(""))
	first.Close()
	second.Close()
}

func TestWhatIsClosedMakesRoom(t *testing.T) {
	s := newSite(t, 2, false)
	for range 50 {
		s.served().Close()
	}
}

func TestAHijackedConnectionCountsUntilItHasLeft(t *testing.T) {
	l := New(func() int { return 1 }, false, nil)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	for _, state := range []http.ConnState{http.StateNew, http.StateActive, http.StateHijacked} {
		l.ConnState(near, state)
	}
	other, end := net.Pipe()
	defer end.Close()
	l.ConnState(other, http.StateNew)
	if _, err := other.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want that the second is closed", err)
	}
	l.Left()
	third, end3 := net.Pipe()
	defer third.Close()
	defer end3.Close()
	l.ConnState(third, http.StateNew)
	if got := l.note(third, http.StateActive, 1); got != nil || l.open != 1 || len(l.places) != 1 {
		t.Errorf("got %d open and %d known, want 1 of each", l.open, len(l.places))
	}
}

func TestAfterACloseNobodyIsThereButWhoWasHijacked(t *testing.T) {
	l := New(func() int { return 10 }, false, nil)
	come := func(states ...http.ConnState) (peer net.Conn) {
		t.Helper()
		conn, peer := net.Pipe()
		t.Cleanup(func() { peer.Close() })
		for _, state := range states {
			l.ConnState(conn, state)
		}
		return peer
	}
	wantCut := func(what string, peer net.Conn, want bool) {
		t.Helper()
		_ = peer.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := peer.Read(make([]byte, 1)); errors.Is(err, io.EOF) != want {
			t.Errorf("%s: got %v, want it cut: %v", what, err, want)
		}
	}
	silent, active := come(http.StateNew), come(http.StateNew, http.StateActive)
	idle, hijacked := come(http.StateNew, http.StateActive, http.StateIdle), come(http.StateNew, http.StateActive, http.StateHijacked)
	l.Close()
	wantCut("one that says nothing", silent, true)
	wantCut("one that is answered", active, true)
	wantCut("one that is idle", idle, true)
	wantCut("one that is hijacked", hijacked, false)
	wantCut("one that comes later", come(http.StateNew), true)
	if got := l.Open(); got != 1 {
		t.Errorf("got %d connections, want the one that is hijacked", got)
	}
}
