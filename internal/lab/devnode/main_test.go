package devnode

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

func start(t *testing.T, o Options) *Node {
	t.Helper()
	n, err := Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

// dial opens a bare connection, and speaks first.
func dial(t *testing.T, n *Node, say string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", n.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, say); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange returns all that the node says until it ends the connection.
func exchange(t *testing.T, n *Node, say string) string {
	t.Helper()
	got, err := io.ReadAll(dial(t, n, say))
	if err != nil {
		t.Fatalf("after %q: %v, want a FIN", got, err)
	}
	return string(got)
}

func handshake(key string) string {
	return "GET /app/" + key + " HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
}

// head reads an answer up to its empty line.
func head(t *testing.T, c net.Conn) (string, *bufio.Reader) {
	t.Helper()
	r := bufio.NewReader(c)
	var text strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", text.String(), err)
		}
		text.WriteString(line)
		if line == "\r\n" {
			return text.String(), r
		}
	}
}

// peer is a WebSocket client of the node.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
	id string
}

// connect returns a client that may have been greeted or refused.
func connect(t *testing.T, n *Node, header http.Header) *peer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	address := n.URL() + n.options.Prefix + "/app/" + n.options.AppKey
	ws, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return &peer{t: t, ws: ws}
}

// greeted returns a client that the node has welcomed.
func greeted(t *testing.T, n *Node) *peer {
	t.Helper()
	p := connect(t, n, nil)
	var hello established
	p.data("pusher:connection_established", &hello)
	p.id = hello.SocketID
	return p
}

func (p *peer) send(format string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() (message, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	_, raw, err := p.ws.Read(ctx)
	if err != nil {
		return message{}, err
	}
	var m message
	return m, json.Unmarshal(raw, &m)
}

// want reads the next message, which must be the event.
func (p *peer) want(event string) message {
	p.t.Helper()
	m, err := p.read()
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", event, err)
	}
	if m.Event != event {
		p.t.Fatalf("got %s %s, want %s", m.Event, m.Data, event)
	}
	return m
}

// data reads the event and what is in its data's JSON text.
func (p *peer) data(event string, into any) {
	p.t.Helper()
	m := p.want(event)
	var text string
	if err := json.Unmarshal(m.Data, &text); err != nil {
		p.t.Fatalf("data of %s is %s, want JSON in a text", event, m.Data)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) wantError(want protocolError) {
	p.t.Helper()
	var got protocolError
	p.data("pusher:error", &got)
	if got != want {
		p.t.Fatalf("got %v, want %v", got, want)
	}
}

// wantEnd reads the end of the connection, with the status of its Close frame
// or -1 for none.
func (p *peer) wantEnd(code websocket.StatusCode) {
	p.t.Helper()
	m, err := p.read()
	if err == nil {
		p.t.Fatalf("got %s, want the end", m.Event)
	}
	if got := websocket.CloseStatus(err); got != code {
		p.t.Fatalf("ended with %v (%v), want %v", got, err, code)
	}
}

// subscribe signs when the channel needs it, and waits for the node's word.
func (p *peer) subscribe(n *Node, channel, data string) message {
	p.t.Helper()
	request := subscription{Channel: channel, ChannelData: data}
	if isSigned(channel) {
		request.Auth = SignChannel(p.id, channel, data, n.options.AppKey, n.options.AppSecret)
	}
	raw, _ := json.Marshal(request)
	p.send(`{"event":"pusher:subscribe","data":%s}`, raw)
	return p.want("pusher_internal:subscription_succeeded")
}

// call sends a signed request, whose signature does not cover the prefix, and returns status and body.
func call(t *testing.T, n *Node, method, path string, query url.Values, body string) (int, string) {
	t.Helper()
	signed := Sign(method, path, query, []byte(body), n.options.AppKey, n.options.AppSecret)
	return plain(t, n, method, n.options.Prefix+path+"?"+signed.Encode(), body)
}

func plain(t *testing.T, n *Node, method, uri, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, n.URL()+uri, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func waitFor(t *testing.T, n *Node, holds func(Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.Wait(ctx, holds); err != nil {
		t.Fatalf("%v: %+v", err, n.Stats())
	}
}
