package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// testPeers relays between peers that really speak WebSocket.
func testPeers(t *testing.T, l legs) {
	t.Run("PeersEchoMessagesOfEverySize", func(t *testing.T) {
		p := l.peers(t, echo)
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
			want := bytes.Repeat([]byte{'x'}, n)
			if err := p.client.Write(p.ctx, websocket.MessageText, want); err != nil {
				t.Fatal(err)
			}
			_, got, err := p.client.Read(p.ctx)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %d bytes, error %v; want %d", len(got), err, n)
			}
		}
		if err := p.client.Close(1000, "bye"); err != nil {
			t.Errorf("closing: %v", err)
		}
		p.wantEnd(t, ByClient, 1000)
	})
	t.Run("APeersPingIsAnswered", func(t *testing.T) {
		p := l.peers(t, echo)
		p.client.CloseRead(p.ctx)
		if err := p.client.Ping(p.ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("ANodePeerCloses", func(t *testing.T) {
		p := l.peers(t, func(_ context.Context, node *websocket.Conn) { node.Close(4100, "bye") })
		p.wantStatus(t, 4100)
		p.wantEnd(t, ByNode, 4100)
	})
	t.Run("ANodePeerVanishes", func(t *testing.T) {
		p := l.peers(t, func(_ context.Context, node *websocket.Conn) { node.CloseNow() })
		p.wantStatus(t, websocket.StatusCode(lostClose.Code))
		p.wantEnd(t, ByNodeLost, lostClose.Code)
	})
	t.Run("ADrainClosesBothPeers", func(t *testing.T) {
		seen := make(chan websocket.StatusCode, 1)
		p := l.peers(t, func(ctx context.Context, node *websocket.Conn) {
			_, _, err := node.Read(ctx)
			seen <- websocket.CloseStatus(err)
		})
		p.conn.Close(Close{Code: 4200, Reason: "drained", By: ByDrain})
		p.wantStatus(t, 4200)
		if got := <-seen; got != 4200 {
			t.Errorf("the node got status %d, want 4200", got)
		}
		p.wantEnd(t, ByDrain, 4200)
	})
}

func echo(ctx context.Context, node *websocket.Conn) {
	node.SetReadLimit(-1)
	for {
		kind, message, err := node.Read(ctx)
		if err != nil || node.Write(ctx, kind, message) != nil {
			return
		}
	}
}

// peers is a relay between a client and a node of coder/websocket.
type peers struct {
	ctx    context.Context
	client *websocket.Conn
	conn   Relay
	ended  chan End
}

func (l legs) peers(t *testing.T, serve func(context.Context, *websocket.Conn)) *peers {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		conn, err := websocket.Accept(w, q, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		serve(ctx, conn)
	}))
	t.Cleanup(node.Close)

	p := &peers{ctx: ctx, ended: make(chan End, 1)}
	engine := l.newEngine()
	t.Cleanup(engine.Wait)
	p.client, p.conn = l.dialThrough(t, ctx, engine, node.Listener.Addr().String(), p.ended)
	t.Cleanup(func() { p.client.CloseNow() })
	return p
}

// dialThrough is a balancer for one client: it takes the handshake across and
// leaves the rest to the engine.
func (l legs) dialThrough(t *testing.T, ctx context.Context, engine Engine, node string, ended chan End) (*websocket.Conn, Relay) {
	t.Helper()
	listener, scheme := listen(t, engine, nil), "http"
	if l.tls != nil {
		listener, scheme = tls.NewListener(listener, l.tls), "https"
	}
	started := make(chan Relay, 1)
	go func() {
		defer close(started)
		if pair, ok := takeAcross(t, engine, listener, node); ok {
			pair.Options = Options{Stall: patience, Close: patience}
			pair.Owner = &owner{ended: ended}
			started <- engine.Start(pair)
		}
	}()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	client, _, err := websocket.Dial(ctx, scheme+"://"+listener.Addr().String()+"/app/key",
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	client.SetReadLimit(-1)
	return client, <-started
}

func takeAcross(t *testing.T, engine Engine, listener net.Listener, node string) (pair Pair, ok bool) {
	client, err := listener.Accept()
	if err != nil {
		t.Error(err)
		return Pair{}, false
	}
	fromClient := bufio.NewReader(client)
	request, err := http.ReadRequest(fromClient)
	if err != nil {
		t.Error(err)
		return Pair{}, false
	}
	toNode, err := engine.Dial(t.Context(), node)
	if err != nil {
		t.Error(err)
		return Pair{}, false
	}
	_ = request.Write(toNode)
	fromNode := bufio.NewReader(toNode)
	answer, err := http.ReadResponse(fromNode, request)
	if err != nil {
		t.Error(err)
		return Pair{}, false
	}
	_ = answer.Write(client)
	return Pair{Client: client, Node: toNode, ToNode: rest(fromClient), ToClient: rest(fromNode)}, true
}

func rest(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	return b
}

// wantStatus wants the client to be closed like this.
func (p *peers) wantStatus(t *testing.T, want websocket.StatusCode) {
	t.Helper()
	_, message, err := p.client.Read(p.ctx)
	if got := websocket.CloseStatus(err); got != want {
		t.Errorf("the client got message %q, status %d (%v); want status %d", message, got, err, want)
	}
}

func (p *peers) wantEnd(t *testing.T, by By, code int) {
	t.Helper()
	select {
	case end := <-p.ended:
		if end.By != by || end.Code != code {
			t.Errorf("got %+v, want an end by %q with status %d", end, by, code)
		}
		if end.Err != nil && !strings.Contains(end.Err.Error(), "reset") {
			t.Errorf("got error %v, want none", end.Err)
		}
	case <-time.After(patience):
		t.Fatal("the relay did not end")
	}
}
