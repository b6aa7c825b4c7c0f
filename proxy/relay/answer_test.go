package relay

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// testAnswers is about what a node still answers to a client whose next frame is
// malformed.
func testAnswers(t *testing.T, l legs) {
	good, bad := text(masked, "good"), text(unmasked, "bad")

	t.Run("TheAnswerToAGoodMessageComesBeforeTheCloseForABadOne", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(good, bad)
		r.nodeGets(good, appendMaskedClose(nil, 1002))
		answer := join(text(unmasked, "good"), binaryOf(unmasked, 3*bufferSize))
		go r.node.Write(join(answer, closeFrame(unmasked, 1002, "as you say"), text(unmasked, "after")))
		r.clientGets(answer)
		wantRefused(t, r, 1002)
	})
	t.Run("AnEchoOfARealServerComesBeforeTheCloseForABadMessage", func(t *testing.T) {
		r := l.start(t, func(p *Pair) {
			p.Node.Close()
			p.Node = dialEcho(t)
		})
		r.clientSends(good, bad)
		r.clientGets(text(unmasked, "good"))
		wantRefused(t, r, 1002)
	})
	t.Run("AnAnswerReachesAClientThatHasEndedAfterABadFrame", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(good, bad)
		halfClose(t, r.client)
		r.nodeGets(good, appendMaskedClose(nil, 1002))
		r.nodeSends(text(unmasked, "good"), closeFrame(unmasked, 1002, ""))
		r.clientGets(text(unmasked, "good"))
		wantRefused(t, r, 1002)
	})
	t.Run("ANodeThatEndsIsTheEndOfWaiting", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(good, bad)
		r.nodeGets(good, appendMaskedClose(nil, 1002))
		r.nodeSends(text(unmasked, "good"))
		r.node.Close()
		r.clientGets(text(unmasked, "good"))
		wantRefused(t, r, 1002)
	})
	t.Run("ANodeThatAnswersNothingIsNotAwaitedForLong", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, func(p *Pair) { p.Options.Close = 2 * time.Second })
		r.clientSends(bad)
		r.nodeGets(appendMaskedClose(nil, 1002))
		wantRefused(t, r, 1002)
	})
}

// dialEcho is a connection to a node that echoes, after its 101.
func dialEcho(t *testing.T) net.Conn {
	t.Helper()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		echo(context.Background(), conn)
	}))
	t.Cleanup(node.Close)
	conn, err := net.Dial("tcp", node.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	send(t, conn, []byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	for head, b := "", make([]byte, 1); !strings.HasSuffix(head, "\r\n\r\n"); head += string(b) {
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}
