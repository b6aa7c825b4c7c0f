package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
)

// halfPost is a POST of 60,000 bytes without the last one.
var halfPost = "POST /apps/1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("x", 59_999)

func TestBodiesThatAreNeverWholeLeaveRoomForThoseThatAre(t *testing.T) {
	s := apptest.New(t, 1, "limits: {max_body_bytes: 65536, max_bodies_bytes: 262144}\n")
	s.Bystander()
	var strangers []*apptest.Wire
	for range 30 {
		strangers = append(strangers, s.Wire(halfPost))
	}
	turnedAway := make(chan *http.Response, len(strangers))
	for _, w := range strangers {
		go func() {
			r, _ := http.ReadResponse(w.From, nil)
			turnedAway <- r
		}()
	}
	for range len(strangers) - 4 {
		if r := <-turnedAway; r == nil || r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
			t.Fatalf("a half-sent body too many: got %v, want 503 and Retry-After", r)
		}
	}
	for range 20 {
		r, body := s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(apptest.Event)) + apptest.Event).Answer()
		if r.StatusCode != 200 {
			t.Errorf("a signed POST that comes at once: got %d %s, want 200", r.StatusCode, body)
		}
	}
	if line := s.Logs.Wait(t, "requests turned away"); line["status"] != 503.0 || line["path"] != "/apps/1/events" {
		t.Errorf("got the line %v, want 503", line)
	}
	for _, w := range strangers {
		w.Close()
	}
	for range 4 {
		<-turnedAway
	}
}

// A node that hangs holds bodies that it has got; who waits for it makes room.
func TestABodyThatWaitsForANodeMakesRoom(t *testing.T) {
	arrived, answer := make(chan struct{}, 4), make(chan struct{})
	node := apptest.FakeNode(t, func(c net.Conn, head string) {
		arrived <- struct{}{}
		<-answer
		apptest.Says("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")(c, head)
		io.Copy(io.Discard, c)
	})
	s := apptest.NewFront(t, []string{node}, "limits: {max_body_bytes: 65536, max_bodies_bytes: 131072, requests_per_node: 1}\n")
	post := func(size int) *apptest.Wire {
		return s.Wire("POST /apps/1/events?auth_signature=x HTTP/1.1\r\nHost: a\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", size) + strings.Repeat("x", size))
	}
	first := post(60_000)
	<-arrived
	statuses := make(chan int, 2)
	for range 2 { // there is room for one of them
		w := post(60_000)
		go func() {
			r, err := http.ReadResponse(w.From, nil)
			if err != nil {
				r = new(http.Response)
			}
			statuses <- r.StatusCode
		}()
	}
	if got := <-statuses; got != 503 {
		t.Errorf("while the node hangs: got %d for one of two that wait, want 503", got)
	}
	close(answer)
	if got := <-statuses; got != 200 {
		t.Errorf("the other of two that wait: got %d, want 200", got)
	}
	if r, body := first.Answer(); r.StatusCode != 200 {
		t.Errorf("the one at the node: got %d %s, want 200", r.StatusCode, body)
	}
}
