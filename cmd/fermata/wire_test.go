package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

const (
	wireKey  = "dGhlIHNhbXBsZSBub25jZQ=="
	wirePath = "/app/" + devnode.DefaultAppKey
)

// wireUpgrade is an upgrade request, to be made odd by a test.
const wireUpgrade = "GET " + wirePath + "?protocol=7 HTTP/1.1\r\nHost: ws.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + wireKey + "\r\n"

// wire is a client that writes its bytes itself.
type wire struct {
	net.Conn
	t    *testing.T
	from *bufio.Reader
}

// wire connects and sends this; \r\n at its end stands for the empty line too.
func (s *stack) wire(request string) *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.client)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	w := &wire{conn, s.t, bufio.NewReader(conn)}
	w.send(request)
	return w
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads the next answer and its body; a 101 has none.
func (w *wire) answer() (*http.Response, string) {
	w.t.Helper()
	r, err := http.ReadResponse(w.from, nil)
	if err != nil {
		w.t.Fatalf("answer: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatalf("body of the answer %d: %v", r.StatusCode, err)
	}
	return r, string(body)
}

// ask is wire, and the answer to it.
func (s *stack) ask(request string) (*http.Response, string) {
	s.t.Helper()
	return s.wire(request + "\r\n").answer()
}

// ended waits for the end of the connection, without a byte before it.
func (w *wire) ended() {
	w.t.Helper()
	rest, err := io.ReadAll(w.from)
	if timeout, ok := err.(net.Error); len(rest) > 0 || ok && timeout.Timeout() {
		w.t.Errorf("got %q, %v, want the end of the connection", rest, err)
	}
}

// frame reads one frame of the node's side; it must be a short one.
func (w *wire) frame() (opcode byte, payload string) {
	w.t.Helper()
	head := w.take(2)
	size := int(head[1])
	if size == 126 {
		long := w.take(2)
		size = int(long[0])<<8 | int(long[1])
	}
	return head[0] & 0xf, w.take(size)
}

func (w *wire) take(size int) string {
	w.t.Helper()
	p := make([]byte, size)
	if _, err := io.ReadFull(w.from, p); err != nil {
		w.t.Fatalf("frame: %v", err)
	}
	return string(p)
}

// clientFrame is a short text frame, masked with zeros.
func clientFrame(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

// bystander connects a client that must not notice anything of what the test
// does.
func (s *stack) bystander() {
	s.t.Helper()
	p := s.dial()
	s.t.Cleanup(func() { p.answers() })
}

// answers has the peer's node answer a ping.
func (p *peer) answers() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := p.Write(ctx, 1, []byte(`{"event":"pusher:ping","data":{}}`)); err != nil {
		p.t.Errorf("client on %s: ping: %v", p.node, err)
		return
	}
	if _, text, err := p.Read(ctx); err != nil || !bytes.Contains(text, []byte("pusher:pong")) {
		p.t.Errorf("client on %s: got %s, %v, want pusher:pong", p.node, text, err)
	}
}

// fakeNode does with every upgrade or plain request what the test wants, and
// closes behind that. It returns its URL.
func fakeNode(t *testing.T, serve func(c net.Conn, head string)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { attend(c, serve) })
		}
	})
	return "http://" + l.Addr().String()
}

// attend passes over connections that bring no request: checks over TCP.
func attend(c net.Conn, serve func(c net.Conn, head string)) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(testTimeout))
	var head strings.Builder
	for from := bufio.NewReader(c); ; {
		line, err := from.ReadString('\n')
		if err != nil {
			return
		}
		head.WriteString(line)
		if line == "\r\n" {
			serve(c, head.String())
			return
		}
	}
}

// says is a fake node that answers with this.
func says(answer string) func(net.Conn, string) {
	return func(c net.Conn, _ string) { io.WriteString(c, answer) }
}

// says101 answers an upgrade with wireKey as it should be.
func says101(fields, behind string) func(net.Conn, string) {
	sum := sha1.Sum([]byte(wireKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + fields + "\r\n" + behind)
}

// first is the configuration of two nodes of which practically every client
// without a cookie gets the one called first.
func first(first, second string) string {
	return fmt.Sprintf("nodes:\n  - {name: first, url: %q, weight: 10000}\n  - {name: second, url: %q}\n", first, second)
}

// hasMetric is whether a scrape brings this line.
func (s *stack) hasMetric(line string) {
	s.t.Helper()
	if all := s.metrics(); !strings.Contains(all, "\n"+line+"\n") {
		name, _, _ := strings.Cut(line, "{")
		s.t.Errorf("want the metric %s, got\n%s", line, grep(all, name))
	}
}

// metrics is what a scrape brings.
func (s *stack) metrics() string {
	s.t.Helper()
	status, body := s.adminGet("/metrics")
	if status != http.StatusOK {
		s.t.Fatalf("scrape: got %d", status)
	}
	return body
}

func grep(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// adminGet asks the admin endpoint.
func (s *stack) adminGet(path string) (status int, body string) {
	s.t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(s.admin, "unix:"))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: testTimeout}
	r, err := client.Get("http://localhost" + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// waitMetric waits until a scrape brings this line.
func (s *stack) waitMetric(line string) {
	s.t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); {
		if strings.Contains(s.metrics(), "\n"+line+"\n") {
			return
		}
	}
	s.hasMetric(line)
}
