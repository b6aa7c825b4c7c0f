package apptest

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

// WaitNode waits until that is so at the node.
func WaitNode(t *testing.T, n *devnode.Node, holds func(devnode.Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	if err := n.Wait(ctx, holds); err != nil {
		t.Fatal(err)
	}
}

// Refusing is the URL of a node that has gone.
func Refusing(t *testing.T) string {
	t.Helper()
	n := StartNode(t, devnode.Options{})
	n.Kill()
	<-n.Done()
	return n.URL()
}

// RestartNode replaces a node by a new one at its address.
func (s *Stack) RestartNode(name string) {
	for i := range s.Nodes {
		if name != fmt.Sprintf("reverb-%d", i+1) {
			continue
		}
		address := s.Nodes[i].Addr().String()
		s.Nodes[i].Stop()
		n, err := devnode.Start(address, devnode.Options{Name: name})
		if err != nil {
			s.T.Errorf("restart %s: %v", name, err)
			return
		}
		s.T.Cleanup(n.Kill)
		s.Nodes[i] = n
	}
}

// StartNodes starts nodes on a bus, reverb-1 and so on.
func StartNodes(t *testing.T, count int) (nodes []*devnode.Node, urls []string) {
	t.Helper()
	bus := StartBus(t)
	for i := range count {
		n := StartNode(t, devnode.Options{Name: fmt.Sprintf("reverb-%d", i+1), Bus: bus.Addr()})
		nodes, urls = append(nodes, n), append(urls, n.URL())
	}
	return nodes, urls
}

// StartBus starts a bus for nodes.
func StartBus(t *testing.T) *devnode.Bus {
	t.Helper()
	b, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// StartNode starts a node.
func StartNode(t *testing.T, o devnode.Options) *devnode.Node {
	t.Helper()
	n, err := devnode.Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	return n
}

// Complaint is the frame of a pusher:error.
func Complaint(code int) string {
	text := fmt.Sprintf(`{"event":"pusher:error","data":"{\"code\":%d,\"message\":\"no\"}"}`, code)
	return "\x81" + string(rune(len(text))) + text
}

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
func Says101(fields, behind string) func(net.Conn, string) {
	sum := sha1.Sum([]byte(WireKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return Says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + fields + "\r\n" + behind)
}

// TwoNodes is the configuration of two nodes of which practically every client
// without a cookie gets the one called first.
func TwoNodes(first, second string) string {
	return fmt.Sprintf("nodes:\n  - {name: first, url: %q, weight: 10000}\n  - {name: second, url: %q}\n", first, second)
}
