package apptest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

// What WireUpgrade asks with, and for.
const (
	WireKey  = "dGhlIHNhbXBsZSBub25jZQ=="
	WirePath = "/app/" + devnode.DefaultAppKey
)

// WireUpgrade is an upgrade request, to be made odd by a test.
const WireUpgrade = "GET " + WirePath + "?protocol=7 HTTP/1.1\r\nHost: ws.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + WireKey + "\r\n"

// Wire is a client that writes its bytes itself.
type Wire struct {
	net.Conn
	t    *testing.T
	From *bufio.Reader
}

// Wire connects and sends this; \r\n at its end stands for the empty line too.
func (s *Stack) Wire(request string) *Wire {
	s.T.Helper()
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(Timeout))
	w := &Wire{conn, s.T, bufio.NewReader(conn)}
	w.Send(request)
	return w
}

// Ask is Wire, and the answer to it.
func (s *Stack) Ask(request string) (*http.Response, string) {
	s.T.Helper()
	return s.Wire(request + "\r\n").Answer()
}

// Over is a client over a connection that the test has made.
func (s *Stack) Over(conn net.Conn) *Wire { return &Wire{conn, s.T, bufio.NewReader(conn)} }

// Send writes this.
func (w *Wire) Send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// Answer reads the next answer and its body; a 101 has none.
func (w *Wire) Answer() (*http.Response, string) {
	w.t.Helper()
	r, err := http.ReadResponse(w.From, nil)
	if err != nil {
		w.t.Fatalf("answer: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatalf("body of the answer %d: %v", r.StatusCode, err)
	}
	return r, string(body)
}

// Frame reads one frame of the node's side; it must be a short one.
func (w *Wire) Frame() (opcode byte, payload string) {
	w.t.Helper()
	head := w.take(2)
	size := int(head[1])
	if size == 126 {
		long := w.take(2)
		size = int(long[0])<<8 | int(long[1])
	}
	return head[0] & 0xf, w.take(size)
}

func (w *Wire) take(size int) string {
	w.t.Helper()
	p := make([]byte, size)
	if _, err := io.ReadFull(w.From, p); err != nil {
		w.t.Fatalf("frame: %v", err)
	}
	return string(p)
}

// Ended waits for the end of the connection, without a byte before it.
func (w *Wire) Ended() {
	w.t.Helper()
	rest, err := io.ReadAll(w.From)
	if timeout, ok := err.(net.Error); len(rest) > 0 || ok && timeout.Timeout() {
		w.t.Errorf("got %q, %v, want the end of the connection", rest, err)
	}
}

// ClientFrame is a short text frame, masked with zeros.
func ClientFrame(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

// HasHeader compares fields, each of which occurs once; "" is one that is not
// there.
func HasHeader(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if strings.Join(got.Values(name), " | ") != value {
			t.Errorf("%s: got %q, want %q", name, got.Values(name), value)
		}
	}
}

// EventsPath is where events are published.
const EventsPath = "/apps/" + devnode.DefaultAppID + "/events"

// Event is the body of a POST that publishes something.
const Event = `{"name":"shipped","channel":"orders","data":"{}"}`

// SignedPost is the head of a signed POST of that body, without its framing.
func SignedPost(body string) string {
	query := devnode.Sign("POST", EventsPath, nil, []byte(body), devnode.DefaultAppKey, devnode.DefaultAppSecret)
	return "POST " + EventsPath + "?" + query.Encode() + " HTTP/1.1\r\nHost: ws.example.com\r\nContent-Type: application/json\r\n"
}
