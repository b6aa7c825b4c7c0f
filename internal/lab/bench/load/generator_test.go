//go:build linux

package load

import (
	"bufio"
	"net"
	"net/http"
	"testing"
	"time"

	"fermata/internal/lab/bench/frame"
	"fermata/internal/lab/bench/node"
)

func newGenerator(t *testing.T) *Generator {
	t.Helper()
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.poll.Close() })
	return g
}

// open opens clients until the test ends.
func (g *Generator) open(t *testing.T, app string, clients int, addresses ...string) {
	t.Helper()
	t.Cleanup(func() { g.Close(app, new(int)) })
	if err := g.Open(Open{App: app, Clients: clients, Addresses: addresses}, new(Opened)); err != nil {
		t.Fatal(err)
	}
}

func (g *Generator) trip(app string) (tripped Tripped, err error) {
	err = g.Trip(Trips{App: app, Rate: 10000, Number: 20, Size: 100}, &tripped)
	return tripped, err
}

// newNode makes a node that listens on two addresses.
func newNode(t *testing.T) (n *node.Node, addresses []string) {
	t.Helper()
	n, err := node.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Listen([]string{"127.0.0.2", "127.0.0.3"}, &addresses); err != nil {
		t.Fatal(err)
	}
	return n, addresses
}

func TestABroadcastIsForItsAppAlone(t *testing.T) {
	n, addresses := newNode(t)
	g := newGenerator(t)
	g.open(t, "few", 3, addresses...)
	g.open(t, "many", 5, addresses...)
	f := func(app string, want int) {
		t.Helper()
		sent, got := 0, 0
		if err := n.Broadcast(node.Broadcast{App: app, Size: 100, Times: 2}, &sent); err != nil || sent != want {
			t.Errorf("%s: got %d messages sent, %v, want %d", app, sent, err, want)
		}
		if err := g.Receive(Receive{App: app, Messages: want, Within: 10 * time.Second}, &got); err != nil || got != want {
			t.Errorf("%s: got %d messages, %v, want %d", app, got, err, want)
		}
	}
	f("few", 6)
	f("many", 10)
	f("few", 6)
	sent := 0
	if err := n.Broadcast(node.Broadcast{App: "nobody's", Size: 100, Times: 1}, &sent); err != nil || sent != 0 {
		t.Errorf("got %d messages sent to nobody, %v", sent, err)
	}
}

func TestClosingAnAppLeavesTheOther(t *testing.T) {
	_, addresses := newNode(t)
	g := newGenerator(t)
	g.open(t, "a", 3, addresses...)
	g.open(t, "b", 3, addresses...)
	g.Close("b", new(int))
	if got, err := g.trip("a"); err != nil || len(got.Trips) != 20 {
		t.Errorf("got %d round trips, %v, want 20", len(got.Trips), err)
	}
	if _, err := g.trip("b"); err == nil {
		t.Error("got no error from an app that was closed")
	}
}

// lostNode takes one client, and cuts it off when told to.
func lostNode(t *testing.T) (address string, cut func()) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			close(taken)
			return
		}
		http.ReadRequest(bufio.NewReader(conn))
		conn.Write(frame.Append([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"), frame.Text, []byte("hello")))
		taken <- conn
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() { (<-taken).Close() }
}

func TestAnAppThatLosesAClientFailsAlone(t *testing.T) {
	_, addresses := newNode(t)
	lost, cut := lostNode(t)
	g := newGenerator(t)
	g.open(t, "good", 3, addresses...)
	g.open(t, "lost", 1, lost)
	cut()
	for range 2 {
		if got, err := g.trip("good"); err != nil || len(got.Trips) != 20 {
			t.Errorf("got %d round trips, %v, want 20", len(got.Trips), err)
		}
		if _, err := g.trip("lost"); err == nil {
			t.Error("got no error from the app that lost its client")
		}
	}
}
