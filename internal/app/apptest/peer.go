package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/coder/websocket"
)

// Peer is a WebSocket client that has been greeted by a node.
type Peer struct {
	*websocket.Conn
	t      *testing.T
	Node   string
	ID     string       // the socket id that its node has told it
	Cookie *http.Cookie // nil: none was set
}

// Dial connects a client, with the cookies given.
func (s *Stack) Dial(cookies ...*http.Cookie) *Peer {
	s.T.Helper()
	p, err := s.TryDial(cookies...)
	if err != nil {
		s.T.Fatal(err)
	}
	return p
}

// DialOn connects clients, which the bounded load spreads, until one is on
// this node.
func (s *Stack) DialOn(node string) *Peer {
	s.T.Helper()
	for range 200 {
		p := s.Dial()
		if p.Node == node {
			return p
		}
	}
	s.T.Fatalf("200 clients, and none on %s", node)
	return nil
}

// DialInTime connects a client as soon as those that were there before are
// forgotten.
func (s *Stack) DialInTime() (p *Peer) {
	s.T.Helper()
	var err error
	if !s.soon(func() bool { p, err = s.TryDial(); return err == nil }) {
		s.T.Fatal(err)
	}
	return p
}

// Bystander connects a client that must not notice anything of what the test
// does.
func (s *Stack) Bystander() {
	s.T.Helper()
	p := s.Dial()
	s.T.Cleanup(func() { p.Answers() })
}

// TryDial is Dial for a client that may be turned away.
func (s *Stack) TryDial(cookies ...*http.Cookie) (*Peer, error) {
	header := http.Header{}
	for _, c := range cookies {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	return s.DialWith(header)
}

// DialWith connects a client with these header fields.
func (s *Stack) DialWith(header http.Header) (*Peer, error) {
	return s.DialAt(s.Address, &websocket.DialOptions{HTTPHeader: header})
}

// DialAt connects a client by an address that need not be Fermata's own.
func (s *Stack) DialAt(address string, o *websocket.DialOptions) (*Peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws://"+address+WirePath+"?protocol=7", o)
	if err != nil {
		return nil, err
	}
	s.T.Cleanup(func() { conn.CloseNow() })
	p := &Peer{Conn: conn, t: s.T}
	for _, c := range response.Cookies() {
		p.Cookie = c
	}
	p.Node, p.ID, err = greeting(ctx, conn)
	return p, err
}

// greeting reads connection_established, which names the node.
func greeting(ctx context.Context, conn *websocket.Conn) (node, id string, err error) {
	_, text, err := conn.Read(ctx)
	if err != nil {
		return "", "", err
	}
	var message struct{ Event, Data string }
	var data struct {
		Node string
		ID   string `json:"socket_id"`
	}
	if err := json.Unmarshal(text, &message); err != nil {
		return "", "", fmt.Errorf("greeting %s: %w", text, err)
	}
	if err := json.Unmarshal([]byte(message.Data), &data); err != nil || data.Node == "" {
		return "", "", fmt.Errorf("greeting %s names no node", text)
	}
	return data.Node, data.ID, nil
}

// Answers has the peer's node answer a ping.
func (p *Peer) Answers() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	if err := p.Write(ctx, 1, []byte(`{"event":"pusher:ping","data":{}}`)); err != nil {
		p.t.Errorf("client on %s: ping: %v", p.Node, err)
		return
	}
	if _, text, err := p.Read(ctx); err != nil || !bytes.Contains(text, []byte("pusher:pong")) {
		p.t.Errorf("client on %s: got %s, %v, want pusher:pong", p.Node, text, err)
	}
}

// Closed waits for the peer's end and returns the code of its Close frame.
func (p *Peer) Closed() websocket.StatusCode {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	for {
		if _, _, err := p.Read(ctx); err != nil {
			if ctx.Err() != nil {
				p.t.Errorf("client on %s: not closed in %s", p.Node, Timeout)
			}
			return websocket.CloseStatus(err)
		}
	}
}
