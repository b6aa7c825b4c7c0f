package relay

import (
	"net"
	"testing"
	"time"
)

// trip is a Mover for tests: it hides what is marked and passes everything else.
type trip struct {
	t       *testing.T
	toNode  [][]byte
	begun   chan struct{}
	heard   chan string // all that it was shown
	aborted chan error
	panics  string // where it does
}

// secret is what the client must not see, marker what ends a move.
const (
	secret = "secret"
	marker = "marker"
)

func newTrip(t *testing.T, toNode ...string) *trip {
	m := &trip{t: t, begun: make(chan struct{}, 1), heard: make(chan string, 1000), aborted: make(chan error, 2)}
	for _, text := range toNode {
		m.toNode = append(m.toNode, []byte(text))
	}
	return m
}

func (m *trip) Begin() [][]byte {
	if m.panics == "Begin" {
		panic("no idea")
	}
	m.begun <- struct{}{}
	return m.toNode
}

func (m *trip) FromNode(text []byte) (pass, last bool) {
	if m.panics == "FromNode" {
		panic("no idea")
	}
	m.heard <- string(text)
	return string(text) != secret && string(text) != marker, string(text) == marker
}

func (m *trip) Aborted(err error) {
	m.aborted <- err
	if m.panics == "Aborted" {
		panic("no idea")
	}
}

// within waits for something that a goroutine of the engine tells.
func within[T any](t *testing.T, what string, from chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatalf("%s: got nothing", what)
	}
	return got
}

// hold begins a move and waits until it has begun.
func (r *rig) hold(toNode ...string) *trip {
	r.t.Helper()
	m := r.holdLater(toNode...)
	within(r.t, "Begin", m.begun)
	return m
}

func (r *rig) holdLater(toNode ...string) *trip {
	r.t.Helper()
	m := newTrip(r.t, toNode...)
	if !r.conn.Hold(m, 200_000) {
		r.t.Fatal("got no hold, want one")
	}
	held := make(chan struct{}) // what is sent from now on comes after the hold
	if err := r.conn.(*epollRelay).shard.surely(func() { close(held) }); err != nil {
		r.t.Fatal(err)
	}
	within(r.t, "Hold", held)
	return m
}

// hears wants to be shown these next.
func (m *trip) hears(texts ...string) {
	m.t.Helper()
	for _, want := range texts {
		if got := within(m.t, "FromNode", m.heard); got != want {
			m.t.Fatalf("was shown %q, want %q", abbreviate([]byte(got)), abbreviate([]byte(want)))
		}
	}
}

// wantAborted wants to be told of an end, and only once.
func (m *trip) wantAborted() {
	m.t.Helper()
	if err := within(m.t, "Aborted", m.aborted); err == nil {
		m.t.Error("Aborted: got no error, want one")
	}
	if len(m.aborted) > 0 {
		m.t.Errorf("Aborted was called again, with %v", <-m.aborted)
	}
}

func (m *trip) wantNotAborted() {
	m.t.Helper()
	if len(m.aborted) > 0 {
		m.t.Errorf("Aborted was called, with %v", <-m.aborted)
	}
}

// anotherNode is both ends of a connection of the engine's to a new node.
func (l legs) anotherNode(t *testing.T, engine Engine) (far, near net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if near, err = engine.Dial(t.Context(), listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	if l.nodeTLS != nil {
		far, near = l.secureNode(t, far, near)
	}
	_ = far.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { far.Close() })
	return far, near
}

// replace gives the relay a new node, and returns Done's error. The old node's
// far end stays the test's.
func (r *rig) replace(change func(*Replacement)) (old net.Conn, err error) {
	r.t.Helper()
	far, near := r.legs.anotherNode(r.t, r.engine)
	done := make(chan error, 2)
	replacement := Replacement{Node: near, Done: func(err error) { done <- err }}
	if change != nil {
		change(&replacement)
	}
	r.conn.Replace(replacement)
	if err = within(r.t, "Done", done); err != nil {
		over(r.t, "a node that cannot be used", far)
		return nil, err
	}
	old, r.node = r.node, far
	r.t.Cleanup(func() { old.Close() })
	return old, nil
}

// moves is replace where that must work. What the new node sent before is rest.
func (r *rig) moves(change func(*Replacement)) (old net.Conn) {
	r.t.Helper()
	old, err := r.replace(change)
	if err != nil {
		r.t.Fatalf("got %v, want a new node", err)
	}
	return old
}

func texts(all ...string) (raw [][]byte) {
	for _, text := range all {
		raw = append(raw, []byte(text))
	}
	return raw
}
