package apptest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// FakeNode does with every upgrade or plain request what the test wants, and
// closes the connection after that. It returns its URL.
func FakeNode(t *testing.T, serve func(c net.Conn, head string)) (url string) {
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
	c.SetDeadline(time.Now().Add(Timeout))
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

// Says is a fake node that answers with this.
func Says(answer string) func(net.Conn, string) {
	return func(c net.Conn, _ string) { io.WriteString(c, answer) }
}

// Says101 answers an upgrade with wireKey as it should be.
func Says101(fields, rest string) func(net.Conn, string) {
	sum := sha1.Sum([]byte(WireKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return Says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + fields + "\r\n" + rest)
}

// Complaint is the frame of a pusher:error.
func Complaint(code int) string {
	text := fmt.Sprintf(`{"event":"pusher:error","data":"{\"code\":%d,\"message\":\"no\"}"}`, code)
	return "\x81" + string(rune(len(text))) + text
}
