package proxy

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

// benchHead is what Chrome sends for pusher-js.
var benchHead = []byte("GET /app/" + devnode.DefaultAppKey + "?protocol=7&client=js&version=8.4.0&flash=false HTTP/1.1\r\n" +
	"Host: ws.example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\nOrigin: https://app.example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: " + goodKey + "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")

// benchAnswer is what Reverb answers to that.
var benchAnswer = func() []byte {
	const greeting = `{"event":"pusher:connection_established","data":"{\"socket_id\":\"123456789.987654321\",\"activity_timeout\":30}"}`
	return fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"+
		"X-Powered-By: Laravel Reverb\r\n\r\n\x81%c%s", acceptKey(goodKey), len(greeting), greeting)
}()

// What the heads of one client cost, from its request to its 101.
func BenchmarkHeads(b *testing.B) {
	o := &Options{Headers: DefaultHeaders(), AwaitGreeting: true, Limits: DefaultLimits(), via: newVia()}
	h := handlerOf(poolOf(1))
	node := h.pool.Nodes()[0].Node
	r := readChromes(b, new(headBuffer))
	c := newClient(r, o)
	c.pick.Node = node
	u := &upgrade{client: c, h: h, r: r, head: upgradeHead(r, c)}
	a := u.answerOf(b, new(greetingNode))

	b.Run("client's", func(b *testing.B) {
		b.ReportAllocs()
		for buffer := new(headBuffer); b.Loop(); {
			readChromes(b, buffer)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if status, wrong := checkUpgrade(r); status != 0 {
				b.Fatalf("got %d %s", status, wrong)
			}
		}
	})
	b.Run("to node", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			upgradeHead(r, c)
		}
	})
	b.Run("node's", func(b *testing.B) {
		b.ReportAllocs()
		for conn := new(greetingNode); b.Loop(); {
			u.answerOf(b, conn)
		}
	})
	b.Run("to client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.appendHead(u.head[:0], h.pinCookie(r, c))
		}
	})
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for buffer, conn := new(headBuffer), new(greetingNode); b.Loop(); {
			u.r = readChromes(b, buffer)
			if status, wrong := checkUpgrade(u.r); status != 0 {
				b.Fatalf("got %d %s", status, wrong)
			}
			u.head = upgradeHead(u.r, c)
			u.answerOf(b, conn).appendHead(u.head[:0], h.pinCookie(u.r, c))
		}
	})
}

func readChromes(b *testing.B, into *headBuffer) *http.Request {
	r, rest := into.upgrade(b.Context(), copy(into[:], benchHead))
	if r == nil || len(rest) > 0 {
		b.Fatalf("got %v and %q after it, want the upgrade", r, rest)
	}
	r.RemoteAddr = "192.0.2.1:5000"
	return r
}

func (u *upgrade) answerOf(b *testing.B, conn *greetingNode) *answer {
	conn.Reset(benchAnswer)
	a, err := u.converse(conn)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// greetingNode is a connection on which the answer has come.
type greetingNode struct {
	bytes.Reader
	net.Conn // nil: all that is used is here
}

func (n *greetingNode) Read(b []byte) (int, error)      { return n.Reader.Read(b) }
func (n *greetingNode) Write(b []byte) (int, error)     { return len(b), nil }
func (n *greetingNode) SetReadDeadline(time.Time) error { return nil }
