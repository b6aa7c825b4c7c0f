package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// listensFirst is a WebSocket server that says nothing before its client does.
func listensFirst(t *testing.T) (url string) {
	return apptest.FakeNode(t, func(c net.Conn, head string) {
		apptest.Says101("", "")(c, head)
		answerFrames(c)
	})
}

// answerFrames answers each short text frame by one that says so.
func answerFrames(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(in, head); err != nil || head[0] != 0x81 {
			return
		}
		if _, err := in.Discard(int(head[1] & 0x7f)); err != nil {
			return
		}
		io.WriteString(c, "\x81\x02ok")
	}
}

// speaksFirst connects a client that speaks first, and returns the answer.
func speaksFirst(s *apptest.Stack, path string) string {
	s.T.Helper()
	w := s.Wire(strings.Replace(apptest.WireUpgrade, apptest.WirePath, path, 1) + "\r\n")
	if r, body := w.Answer(); r.StatusCode != 101 {
		s.T.Fatalf("%s: got %d %s, want 101", path, r.StatusCode, body)
	}
	w.Send(apptest.ClientFrame("hello"))
	_, text := w.Frame()
	return text
}

func TestOnlyThePathsOfAppsWaitForAGreeting(t *testing.T) {
	s := apptest.NewFront(t, []string{listensFirst(t)}, "timeouts: {answer: 1h, handshake: 2h}\n")
	for _, path := range []string{"/chat/app/room", "/app/key/room", "/app/", "/app", "/apps/key", "/ws/app/key"} {
		if got := speaksFirst(s, path); got != "ok" {
			t.Errorf("%s: got %q, want the server's answer", path, got)
		}
	}
	s = apptest.NewFront(t, []string{listensFirst(t)}, "path_prefix: /ws\ntimeouts: {answer: 1h, handshake: 2h}\n")
	if got := speaksFirst(s, "/app/key"); got != "ok" {
		t.Errorf("got %q, want the server's answer", got)
	}
}

func TestAppsBelowThePathPrefixWaitForTheirGreeting(t *testing.T) {
	full := apptest.FakeNode(t, apptest.Says101("", apptest.Complaint(4004)))
	good := apptest.StartNode(t, devnode.Options{Name: "second", Prefix: "/ws"})
	s := apptest.NewFront(t, nil, apptest.TwoNodes(full, good.URL())+"path_prefix: /ws\n")
	w := s.Wire(strings.Replace(apptest.WireUpgrade, apptest.WirePath, "/ws"+apptest.WirePath, 1) + "\r\n")
	w.Answer()
	if _, greeting := w.Frame(); !strings.Contains(greeting, "second") {
		t.Errorf("got the greeting %s, want the second node's", greeting)
	}
	s.HasMetric(`fermata_handshakes_total{node="first",result="over_quota"} 1`)
	s.HasMetric(`fermata_app_connections{app="` + devnode.DefaultAppKey + `",node="second"} 1`)
}

func TestWithoutAwaitGreetingNobodyWaits(t *testing.T) {
	s := apptest.NewFront(t, []string{listensFirst(t)}, "await_greeting: false\ntimeouts: {answer: 1h, handshake: 2h}\n")
	if got := speaksFirst(s, "/app/key"); got != "ok" {
		t.Errorf("got %q, want the server's answer", got)
	}
}

// Servers that listen first may well have such paths: their clients wait, but
// are not refused, and the log says why they wait.
func TestAClientOfNodesThatNeverGreetIsLetInAfterAWhile(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	for _, nodes := range []int{1, 2, 3} {
		var urls []string
		for range nodes {
			urls = append(urls, listensFirst(t))
		}
		s := apptest.NewFront(t, urls, "timeouts: {answer: 1s}\n")
		if got := speaksFirst(s, "/app/room"); got != "ok" {
			t.Errorf("%d nodes: got %q, want the server's answer", nodes, got)
		}
		line := s.Logs.Wait(t, "a node says nothing after its 101")
		if line["level"] != "warn" || line["path"] != "/app/room" || !strings.Contains(fmt.Sprint(line["reason"]), "await_greeting: false") {
			t.Errorf("%d nodes: got %v, want a warning that names the option", nodes, line)
		}
	}
}

func TestASilentNodeThatIsAloneAtTheEndOfTheHandshakeGetsTheClient(t *testing.T) {
	t.Parallel()
	s := apptest.NewFront(t, []string{listensFirst(t)}, "timeouts: {answer: 1h, handshake: 1s}\n")
	if got := speaksFirst(s, "/app/room"); got != "ok" {
		t.Errorf("got %q, want the server's answer", got)
	}
}
