package devnode

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// activityTimeout is after how many quiet seconds a client should ping.
const activityTimeout = 30

// client is one WebSocket. What waits for a client that does not read is kept
// without bound, as Reverb does.
type client struct {
	node *Node
	conn *conn
	ws   *websocket.Conn
	id   string // the socket_id

	sent  int       // messages in the minute that began
	began time.Time // the minute of the rate limit

	wake chan struct{} // has room for one
	mu   sync.Mutex
	out  [][]byte // nil in it: send a FIN
}

func newClient(n *Node, c *conn, ws *websocket.Conn) *client {
	id := fmt.Sprintf("%d.%d", rand.IntN(1_000_000_000), rand.IntN(1_000_000_000))
	return &client{node: n, conn: c, ws: ws, id: id, wake: make(chan struct{}, 1)}
}

// serveClient runs a client until its connection ends.
func (n *Node) serveClient(c *client, r *Request) {
	if n.faults.Load().EndAfter101 {
		c.conn.finish()
		return
	}
	n.hub.join(c)
	n.record.note(nil)
	var writing sync.WaitGroup
	writing.Go(c.write)
	c.greet(r)
	c.read()
	n.hub.leave(c)
	n.record.note(nil)
	c.conn.finish()
	writing.Wait()
}

// greet is where Reverb decides whether the client is welcome.
func (c *client) greet(r *Request) {
	o, unwelcome := c.node.options, c.node.faults.Load().Unwelcome
	switch _, subscribed := c.node.hub.count(); {
	case unwelcome != 0:
		c.fail(protocolError{unwelcome, "Unwelcome"})
	case strings.TrimPrefix(r.URL.Path, o.Prefix) != "/app/"+o.AppKey:
		c.fail(errNoApp)
		c.finish()
	case o.MaxConnections > 0 && subscribed >= o.MaxConnections:
		c.fail(errQuota)
	case !o.allows(r.Header.Get("Origin")):
		c.fail(errOrigin)
	default:
		c.establish()
	}
}

func (c *client) establish() {
	c.send(encode("pusher:connection_established", "", established{c.id, activityTimeout, c.node.options.Name}))
}

type established struct {
	SocketID        string `json:"socket_id"`
	ActivityTimeout int    `json:"activity_timeout"`
	Node            string `json:"node,omitempty"`
}

func (o Options) allows(origin string) bool {
	if o.AllowedOrigins == nil {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && slices.ContainsFunc(o.AllowedOrigins, func(pattern string) bool {
		matched, _ := path.Match(pattern, u.Hostname())
		return matched
	})
}

// read handles what the client sends until it ends. The library answers a
// Close frame, a ping, and a message that is too large (1009).
func (c *client) read() {
	for {
		_, raw, err := c.ws.Read(context.Background())
		if err != nil {
			return
		}
		c.node.record.note(func(s *Stats) { s.Messages++ })
		c.node.hub.touch(c)
		if c.isTooFast() {
			c.fail(errRate)
			continue
		}
		c.handle(raw)
	}
}

// isTooFast counts a message, and is whether it is above the rate limit.
func (c *client) isTooFast() bool {
	if time.Since(c.began) >= time.Minute {
		c.began, c.sent = time.Now(), 0
	}
	c.sent++
	limit := c.node.options.MaxMessages
	return limit > 0 && c.sent > limit
}

func (c *client) handle(raw []byte) {
	var m message
	if json.Unmarshal(raw, &m) != nil || m.Event == "" {
		c.fail(errFormat)
		return
	}
	switch m.Event {
	case "pusher:ping":
		c.pong()
	case "pusher:pong":
	case "pusher:subscribe":
		c.subscribe(m.Data)
	case "pusher:unsubscribe":
		c.unsubscribe(m.Data)
	case "pusher:connection_established": // Reverb does greet whoever says this
		c.establish()
	default:
		c.clientEvent(m)
	}
}

func (c *client) pong() {
	if !c.node.faults.Load().NoPong {
		c.send(encode("pusher:pong", "", nil))
	}
}

// clientEvent passes a client event on to the channel's other clients. A public
// channel may have some, too.
func (c *client) clientEvent(m message) {
	data, ok := structure(m.Data)
	if !ok || m.Channel == "" || strings.HasPrefix(m.Event, "pusher:") {
		c.fail(errFormat)
		return
	}
	if !strings.HasPrefix(m.Event, "client-") {
		return
	}
	who, in := c.node.hub.who(c, m.Channel)
	if !in {
		c.fail(errNoMember)
		return
	}
	whisper := message{Event: m.Event, Data: data}
	if !who.isNobody() {
		whisper.UserID = who.ID
	}
	c.node.publish(busMessage{Kind: busEvent, Channels: []string{m.Channel}, Message: &whisper, Except: c.id})
}

func (c *client) fail(e protocolError) { c.send(encode("pusher:error", "", e)) }

// finish ends the client with a bare FIN, once all that waits is sent.
func (c *client) finish() { c.send(nil) }

// send never blocks.
func (c *client) send(m []byte) {
	if m != nil && c.node.faults.Load().Mute {
		return
	}
	c.mu.Lock()
	c.out = append(c.out, m)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *client) take() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.out
	c.out = nil
	return out
}

// write sends what waits until the connection ends.
func (c *client) write() {
	for {
		select {
		case <-c.wake:
		case <-c.conn.closed:
			return
		}
		for _, m := range c.take() {
			if m == nil {
				c.conn.halfClose()
				return
			}
			if c.ws.Write(context.Background(), websocket.MessageText, m) != nil {
				return
			}
		}
	}
}

func (c *client) closeWith(code int, reason string) { c.ws.Close(websocket.StatusCode(code), reason) }
