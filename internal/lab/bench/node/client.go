//go:build linux

package node

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"

	"golang.org/x/sys/unix"

	"fermata/internal/lab/bench/frame"
	"fermata/internal/lab/bench/poll"
)

// client is one connection to the node.
type client struct {
	fd   int
	path string // that it asked for with its upgrade; empty before that
	in   []byte // the beginning of a head or frame, mostly none
	out  []byte // what the socket did not take yet, mostly none
}

func (n *Node) serveClient(c *client, events uint32) {
	if events&unix.EPOLLOUT != 0 {
		n.flush(c)
	}
	if events&^unix.EPOLLOUT != 0 {
		n.readClient(c)
	}
}

// readClient reads once; the poller is level-triggered.
func (n *Node) readClient(c *client) {
	size, err := poll.Read(c.fd, n.read)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return
	case err != nil || size == 0:
		n.drop(c)
		return
	}
	data := n.read[:size]
	if len(c.in) > 0 {
		data = append(c.in, data...)
	}
	n.replies = n.replies[:0]
	rest, ok := n.take(c, data)
	if !ok {
		n.drop(c)
		return
	}
	c.in = append(c.in[:0], rest...)
	n.write(c, n.replies)
}

func (n *Node) drop(c *client) {
	delete(n.clients, c.fd)
	unix.Close(c.fd)
}

// take replies to all that is whole in data, and returns the rest. It is not
// ok to go on after a Close.
func (n *Node) take(c *client, data []byte) (rest []byte, ok bool) {
	if c.path == "" {
		head := bytes.Index(data, []byte("\r\n\r\n"))
		if head < 0 {
			return data, true
		}
		n.replies = c.answer(n.replies, data[:head+4])
		data = data[head+4:]
	}
	for {
		f, rest, ok := frame.Next(data)
		switch {
		case !ok:
			return rest, true
		case f.Opcode == frame.Close:
			return nil, false
		case f.Opcode == frame.Ping:
			n.replies = frame.Append(n.replies, frame.Pong, f.Payload)
		case f.Opcode == frame.Text:
			n.replies = frame.Append(n.replies, frame.Text, f.Payload)
		}
		data = rest
	}
}

// greeting is what Reverb says at once to every client.
const greeting = `{"event":"pusher:connection_established","data":"{\"socket_id\":\"123456789.987654321\",\"activity_timeout\":30}"}`

// answer answers a request: a WebSocket's, or any other with an empty page.
func (c *client) answer(dst, head []byte) []byte {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return append(dst, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"...)
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		return append(dst, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"...)
	}
	c.path = r.URL.Path
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = append(base64.StdEncoding.AppendEncode(dst, sum[:]), "\r\n\r\n"...)
	return frame.Append(dst, frame.Text, []byte(greeting))
}

// write keeps what the socket does not take. A client that has gone is dropped
// when its end is read.
func (n *Node) write(c *client, p []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return
	}
	size, _ := poll.Write(c.fd, p)
	if size < len(p) {
		c.out = append(c.out, p[size:]...)
		n.poll.Want(c.fd, true)
	}
}

func (n *Node) flush(c *client) {
	size, err := poll.Write(c.fd, c.out)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		c.out = nil
		n.poll.Want(c.fd, false)
		return
	}
	if c.out = c.out[size:]; len(c.out) == 0 {
		c.out = nil
		n.poll.Want(c.fd, false)
	}
}
