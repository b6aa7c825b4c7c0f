//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"fermata/internal/lab/bench/frame"
)

// client is one WebSocket client.
type client struct {
	app      *app
	socket   *socket
	stream   io.ReadWriter // the socket, or TLS over it
	resumed  bool          // its TLS session
	exchange tls.CurveID
	asked    []time.Duration // when each of its pings that are not answered was due
	in       []byte          // the beginning of a frame, mostly none
}

// requestLine wants the app's name.
const requestLine = "GET /app/%s?protocol=7&client=js&version=8.4.0&flash=false HTTP/1.1\r\n"

const requestHeader = "Host: bench.example\r\n" +
	"Origin: https://bench.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// connect takes a socket through TLS, where a configuration is given, through
// the upgrade for an app, and through subscriptions, where there is a secret. The
// client owns the socket, also upon an error.
func connect(s *socket, config *tls.Config, o Open, user int) (*client, error) {
	c := &client{socket: s, stream: s}
	if o.ProxyHeader {
		if _, err := fmt.Fprintf(s, "PROXY TCP4 203.0.113.%d 192.0.2.1 %d 443\r\n", user%250, 1024+user%60_000); err != nil {
			return c, fmt.Errorf("send the PROXY header: %w", err)
		}
	}
	if config != nil {
		secure := tls.Client(s, config)
		if err := secure.Handshake(); err != nil {
			return c, fmt.Errorf("TLS handshake: %w", err)
		}
		state := secure.ConnectionState()
		c.stream, c.resumed, c.exchange = secure, state.DidResume, state.CurveID
	}
	greeting, err := c.upgrade(o.App)
	if err != nil {
		return c, err
	}
	if o.Secret != "" {
		if err := c.subscribe(user, o.App, o.Secret, greeting); err != nil {
			return c, err
		}
	}
	return c, s.unblock()
}

// upgrade asks for a WebSocket and waits for the 101 and the node's greeting.
func (c *client) upgrade(app string) (greeting []byte, err error) {
	if _, err := fmt.Fprintf(c.stream, requestLine+requestHeader, app); err != nil {
		return nil, fmt.Errorf("send the upgrade: %w", err)
	}
	var got []byte
	head := -1
	greet := func(payload []byte) { greeting = bytes.Clone(payload) }
	for buf := make([]byte, 4096); greeting == nil; {
		n, err := c.stream.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("read the answer to the upgrade, after %q: %w", got, err)
		}
		if head >= 0 {
			err = c.take(buf[:n], greet)
		} else if got = append(got, buf[:n]...); bytes.Contains(got, endOfHead) {
			head = bytes.Index(got, endOfHead) + len(endOfHead)
			err = errors.Join(checkAnswer(got), c.take(got[head:], greet))
		}
		if err != nil {
			return nil, err
		}
	}
	return greeting, nil
}

var endOfHead = []byte("\r\n\r\n")

func checkAnswer(head []byte) error {
	if status := "HTTP/1.1 101 "; !bytes.HasPrefix(head, []byte(status)) {
		return fmt.Errorf("got answer %.80q, want %q", head, status)
	}
	return nil
}

// receive reads all that is there and calls message for each whole one.
func (c *client) receive(buf []byte, message func(payload []byte)) error {
	for {
		n, err := c.stream.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := c.take(buf[:n], message); err != nil {
			return err
		}
		if c.stream == c.socket && n < len(buf) {
			return nil // the poller tells when there is more; TLS may have kept some
		}
	}
}

func (c *client) take(data []byte, message func(payload []byte)) error {
	if len(c.in) > 0 {
		data = append(c.in, data...)
	}
	for {
		f, rest, ok := frame.Next(data)
		switch {
		case !ok:
			c.in = append(c.in[:0], rest...)
			return nil
		case f.Opcode == frame.Close:
			return fmt.Errorf("got a Close frame: %q", f.Payload)
		case f.Opcode == frame.Text:
			message(f.Payload)
		}
		data = rest
	}
}
