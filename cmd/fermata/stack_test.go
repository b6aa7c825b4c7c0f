package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/lab/devnode"
)

// stack is a Fermata, run as main runs it, in front of Reverb-like nodes.
type stack struct {
	t      *testing.T
	nodes  []*devnode.Node // none where they are processes of their own
	urls   []string        // of all nodes
	file   string          // the configuration
	admin  string          // unix:PATH
	client string          // HOST:PORT of the first listener
	logs   *logs
	stop   func() (exit int)
}

// newStack starts nodes on a bus and a Fermata whose configuration ends with
// extra.
func newStack(t *testing.T, nodes int, extra string) *stack {
	t.Helper()
	bus := startBus(t)
	started, urls := []*devnode.Node{}, []string{}
	for i := range nodes {
		n := startNode(t, devnode.Options{Name: fmt.Sprintf("reverb-%d", i+1), Bus: bus.Addr()})
		started, urls = append(started, n), append(urls, n.URL())
	}
	s := newFront(t, urls, extra)
	s.nodes = started
	return s
}

// newFront starts a Fermata in front of the nodes of these URLs.
func newFront(t *testing.T, urls []string, extra string) *stack {
	t.Helper()
	s := &stack{t: t, urls: urls, logs: newLogs()}
	dir := t.TempDir()
	s.file = filepath.Join(dir, "fermata.yaml")
	s.admin = "unix:" + filepath.Join(dir, "admin.sock")
	s.configure(extra)
	s.serve()
	return s
}

func startBus(t *testing.T) *devnode.Bus {
	t.Helper()
	b, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

func startNode(t *testing.T, o devnode.Options) *devnode.Node {
	t.Helper()
	n, err := devnode.Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	return n
}

// node is the node of that name.
func (s *stack) node(name string) *devnode.Node {
	for i, n := range s.nodes {
		if name == fmt.Sprintf("reverb-%d", i+1) {
			return n
		}
	}
	s.t.Fatalf("no node %q", name)
	return nil
}

// configure writes the configuration file.
func (s *stack) configure(extra string) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "admin: {address: %q}\n", s.admin)
	if !strings.Contains(extra, "listen:") {
		b.WriteString("listen: [{address: \"127.0.0.1:0\"}]\n")
	}
	if !strings.Contains(extra, "nodes:") {
		b.WriteString("nodes:\n")
		for i, url := range s.urls {
			fmt.Fprintf(&b, "  - {name: reverb-%d, url: %q}\n", i+1, url)
		}
	}
	b.WriteString(extra)
	if err := os.WriteFile(s.file, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// serve runs "fermata serve" until the test ends or stop is called.
func (s *stack) serve() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done, ended := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(ended)
		done <- run(ctx, []string{"serve", "-c", s.file}, strings.NewReader(""), io.Discard, s.logs)
	}()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-done
	})
	s.t.Cleanup(func() { s.stop() })
	s.client = s.logs.waitUntil(s.t, "listening", hasMessage("listening"), ended)["address"].(string)
	s.logs.wait(s.t, "serving")
}

// cli runs a command against the stack's admin endpoint.
func (s *stack) cli(args ...string) (code int, out, errOut string) {
	s.t.Helper()
	var o, e strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	code = run(ctx, append(args, "--admin", s.admin), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// testTimeout is how long a test waits for what must happen.
const testTimeout = 45 * time.Second

// peer is a WebSocket client that has been greeted by a node.
type peer struct {
	*websocket.Conn
	t      *testing.T
	node   string
	cookie *http.Cookie // nil: none was set
}

// dial connects a client, with the cookies given.
func (s *stack) dial(cookies ...*http.Cookie) *peer {
	s.t.Helper()
	p, err := s.tryDial(cookies...)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *stack) tryDial(cookies ...*http.Cookie) (*peer, error) {
	header := http.Header{}
	for _, c := range cookies {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	return s.dialWith(header)
}

// dialWith connects a client with these header fields.
func (s *stack) dialWith(header http.Header) (*peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws://"+s.client+"/app/"+devnode.DefaultAppKey+"?protocol=7", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { conn.CloseNow() })
	p := &peer{Conn: conn, t: s.t}
	for _, c := range response.Cookies() {
		p.cookie = c
	}
	p.node, err = greeting(ctx, conn)
	return p, err
}

// greeting reads connection_established, which names the node.
func greeting(ctx context.Context, conn *websocket.Conn) (node string, err error) {
	_, text, err := conn.Read(ctx)
	if err != nil {
		return "", err
	}
	var message struct{ Event, Data string }
	var data struct{ Node string }
	if err := json.Unmarshal(text, &message); err != nil {
		return "", fmt.Errorf("greeting %s: %w", text, err)
	}
	if err := json.Unmarshal([]byte(message.Data), &data); err != nil || data.Node == "" {
		return "", fmt.Errorf("greeting %s names no node", text)
	}
	return data.Node, nil
}

// closed waits for the peer's end and returns the code of its Close frame.
func (p *peer) closed() websocket.StatusCode {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	for {
		if _, _, err := p.Read(ctx); err != nil {
			if ctx.Err() != nil {
				p.t.Errorf("client on %s: not closed in %s", p.node, testTimeout)
			}
			return websocket.CloseStatus(err)
		}
	}
}

// logs takes the log and lets a test wait for a line.
type logs struct {
	mu    sync.Mutex
	lines []map[string]any
	part  []byte
	grown chan struct{} // closed at the next line
}

func newLogs() *logs { return &logs{grown: make(chan struct{})} }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	for {
		advance, line, _ := bufio.ScanLines(l.part, false)
		if advance == 0 {
			return len(p), nil
		}
		var entry map[string]any
		if json.Unmarshal(line, &entry) != nil {
			entry = map[string]any{"msg": string(line)}
		}
		l.lines = append(l.lines, entry)
		l.part = l.part[advance:]
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// wait returns the first line, not returned before, with that message.
func (l *logs) wait(t *testing.T, message string) map[string]any {
	t.Helper()
	return l.waitFor(t, message, hasMessage(message))
}

func hasMessage(message string) func(map[string]any) bool {
	return func(line map[string]any) bool { return line["msg"] == message }
}

func (l *logs) waitFor(t *testing.T, what string, fits func(map[string]any) bool) map[string]any {
	t.Helper()
	return l.waitUntil(t, what, fits, nil)
}

// waitUntil also ends the test when ended is closed before.
func (l *logs) waitUntil(t *testing.T, what string, fits func(map[string]any) bool, ended <-chan struct{}) map[string]any {
	t.Helper()
	timeout := time.After(testTimeout)
	for {
		l.mu.Lock()
		grown := l.grown
		for i, line := range l.lines {
			if line != nil && fits(line) {
				l.lines[i] = nil
				l.mu.Unlock()
				return line
			}
		}
		l.mu.Unlock()
		select {
		case <-grown:
		case <-ended:
			t.Fatalf("no log line %q before the end; got %v", what, l.lines)
		case <-timeout:
			t.Fatalf("no log line %q in %s; got %v", what, testTimeout, l.lines)
		}
	}
}

// has tells whether there has been a line with that message, which wait has not
// returned.
func (l *logs) has(message string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line map[string]any) bool { return line["msg"] == message })
}
