package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/lab/devnode"
)

// front is a whole Fermata in the test's process, of which the test can change
// more than the configuration.
type front struct {
	t *testing.T
	*App
	address string
	text    string // its configuration
	log     *lines
}

// base is what each configuration of a front begins with.
const base = "listen: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\nhealth: {interval: 100ms}\n"

// startFront serves with base and text, after prepare.
func startFront(t *testing.T, text string, prepare func(*App)) *front {
	t.Helper()
	return startFrontOf(t, base+text, prepare)
}

// startFrontOf serves with a whole configuration.
func startFrontOf(t *testing.T, text string, prepare func(*App)) *front {
	t.Helper()
	f := &front{t: t, text: text, log: new(lines)}
	log := console.StartQueue(io.MultiWriter(t.Output(), f.log))
	t.Cleanup(log.Close)
	a, err := New(func() (*config.Config, error) { return config.Parse("fermata.yaml", []byte(f.text)) }, log)
	if err != nil {
		t.Fatal(err)
	}
	f.App = a
	prepare(a)
	if err := a.Listen(); err != nil {
		t.Fatal(err)
	}
	addresses, _ := a.Addresses()
	f.address = addresses[0].String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v, want an end without an error", err)
		}
	})
	awaitServing(t, a)
	return f
}

// logged is how many lines of the log have that text.
func (f *front) logged(text string) int {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return bytes.Count(f.log.text.Bytes(), []byte(text))
}

// untilLogged waits until one line of the log, and no more, has that text: a line
// comes after the change that it is about.
func (f *front) untilLogged(text string) {
	f.t.Helper()
	f.eventually("one log line: "+text, func() (any, bool) { n := f.logged(text); return n, n > 0 })
	if lines := f.logged(text); lines != 1 {
		f.t.Errorf("got %d log lines of %q, want 1", lines, text)
	}
}

// client is one that has been greeted.
type client struct {
	t    *testing.T
	conn *websocket.Conn
	node string // what its node calls itself
}

// dial connects a client that may be closed at once; ctx bounds what it waits for.
func (f *front) dial() (ctx context.Context, conn *websocket.Conn) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), waiting)
	f.t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, "ws://"+f.address+"/app/"+devnode.DefaultAppKey+"?protocol=7", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.CloseNow() })
	return ctx, conn
}

// connect connects a client.
func (f *front) connect() client {
	f.t.Helper()
	ctx, c := f.dial()
	_, text, err := c.Read(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	var greeting struct{ Data string }
	var data struct{ Node string }
	if json.Unmarshal(text, &greeting) != nil || json.Unmarshal([]byte(greeting.Data), &data) != nil {
		f.t.Fatalf("got the greeting %s", text)
	}
	return client{f.t, c, data.Node}
}

// turnedAway connects a client that is let in and closed at once, and returns the code.
func (f *front) turnedAway() int {
	f.t.Helper()
	_, c := f.dial()
	return client{f.t, c, ""}.closed()
}

// connectOn connects clients until one is on that node.
func (f *front) connectOn(node string) client {
	f.t.Helper()
	for range 200 {
		if c := f.connect(); c.node == node {
			return c
		}
	}
	f.t.Fatalf("got no client on %s in 200 tries", node)
	return client{}
}

// closed waits for the client's end, and returns the code.
func (c client) closed() int {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), waiting)
	defer cancel()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			return int(websocket.CloseStatus(err))
		}
	}
}

// answers wants the client's node to answer it.
func (c client) answers() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), waiting)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, []byte(`{"event":"pusher:ping"}`)); err != nil {
		c.t.Fatal(err)
	}
	if _, text, err := c.conn.Read(ctx); err != nil || !bytes.Contains(text, []byte("pusher:pong")) {
		c.t.Errorf("got %s, %v, want a pong", text, err)
	}
}

// until waits until a node is so.
func (f *front) until(name, what string, so func(admin.Node) bool) {
	f.t.Helper()
	f.eventually(name+" "+what, func() (any, bool) {
		var last admin.Node
		for _, n := range f.Nodes(false).Nodes {
			if n.Name == name {
				last = n
			}
		}
		return last, so(last)
	})
}

// eventually looks again and again until it is so; got is what it saw last.
func (f *front) eventually(what string, so func() (got any, so bool)) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(waiting); ; {
		got, holds := so()
		if holds {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			f.t.Fatalf("got %+v, want %s", got, what)
		}
	}
}

func (f *front) untilUp(name string) {
	f.t.Helper()
	f.until(name, "is up", func(n admin.Node) bool { return n.Health == "up" && !n.Checked.IsZero() })
}

// startNode starts a node, and returns its port.
func startNode(t *testing.T, name, address string) (port string) {
	t.Helper()
	n, err := devnode.Start(address, devnode.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	_, port, _ = net.SplitHostPort(n.Addr().String())
	return port
}
