package smoke

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/pusher"
)

// eventName is what is published, to a channel that nobody else is on.
const eventName = "fermata.smoke"

// triesPerNode bounds how many clients are opened to find one on every node.
const triesPerNode = 16

// listener is a client that waits for the event.
type listener struct {
	conn *websocket.Conn
	node string // the cookie's value; empty: unknown
	err  error  // why the event did not come
}

// event is the case of that name: one event, published through Fermata to
// whichever node takes it, arrives at clients on every node.
func (s *site) event(ctx context.Context) (string, error) {
	if s.Secret == "" {
		return "", skip("no app id and secret given")
	}
	channel := "fermata-smoke-" + rand.Text()
	listeners, err := s.gather(ctx, channel)
	defer hangUp(listeners)
	if err != nil {
		return "", err
	}
	if err := s.publish(ctx, channel); err != nil {
		return "", err
	}
	listen(ctx, listeners, channel)
	return s.verdict(listeners)
}

// gather opens clients until there is one on every node. They all stay open,
// since the balancer spreads new clients by how many there are.
func (s *site) gather(ctx context.Context, channel string) ([]*listener, error) {
	var all []*listener
	for range triesPerNode * max(s.Nodes, 1) {
		l, err := s.join(ctx, channel)
		if err != nil {
			return all, err
		}
		all = append(all, l)
		if s.Nodes > 0 && nodesOf(all) == s.Nodes {
			return all, nil
		}
	}
	if s.Nodes > 0 {
		got := fmt.Sprintf("%d clients on %s", len(all), nodesText(all))
		return all, &broken{got, fmt.Sprintf("clients on %d nodes", s.Nodes)}
	}
	return all, nil
}

// join opens one client on the channel. Its address for the hash is made up;
// it counts where the machine of the test is a trusted proxy.
func (s *site) join(ctx context.Context, channel string) (*listener, error) {
	header := http.Header{"X-Forwarded-For": {documentationAddress()}}
	conn, resp, err := s.dial(ctx, nil, header)
	if err != nil {
		return nil, err
	}
	l := &listener{conn: conn, node: s.cookieOf(resp)}
	if err := l.subscribe(ctx, channel); err != nil {
		conn.CloseNow()
		return nil, err
	}
	return l, nil
}

// documentationAddress is a random one of 2001:db8::/32, which nobody has.
func documentationAddress() string {
	address := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	rand.Read(address[4:])
	return netip.AddrFrom16(address).String()
}

func (l *listener) subscribe(ctx context.Context, channel string) error {
	if _, err := greeting(ctx, l.conn); err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{"channel": channel})
	if err != nil {
		return err
	}
	if err := send(ctx, l.conn, pusher.Message{Event: pusher.EventSubscribe, Data: data}); err != nil {
		return instead(ctx, err, pusher.EventSubscribed)
	}
	_, err = await(ctx, l.conn, pusher.EventSubscribed, channel)
	return err
}

// publish posts the event, signed as Pusher's API wants it: the signature does not
// cover a path prefix.
func (s *site) publish(ctx context.Context, channel string) error {
	body, err := json.Marshal(map[string]any{"name": eventName, "channels": []string{channel}, "data": "{}"})
	if err != nil {
		return err
	}
	u := s.page("apps", s.AppID, "events")
	u.RawQuery = pusher.SignedQuery(s.Key, s.Secret, http.MethodPost, "/apps/"+s.AppID+"/events", body, time.Now())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return s.post(ctx, req)
}

func (s *site) post(ctx context.Context, req *http.Request) error {
	const want = "200 for the event's POST"
	resp, err := s.http.Do(req)
	if err != nil {
		return instead(ctx, err, want)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &broken{resp.Status, want}
	}
	return nil
}

// listen returns when every listener has the event or an error.
func listen(ctx context.Context, listeners []*listener, channel string) {
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(func() { _, l.err = await(ctx, l.conn, eventName, channel) })
	}
	all.Wait()
}

func (s *site) verdict(all []*listener) (string, error) {
	var deaf []*listener
	for _, l := range all {
		if l.err != nil {
			deaf = append(deaf, l)
		}
	}
	if len(deaf) > 0 {
		got := fmt.Sprintf("nothing at %d of %d clients, on %s", len(deaf), len(all), nodesText(deaf))
		return "", &broken{got, "the event at all clients on " + nodesText(all)}
	}
	return fmt.Sprintf("at %d clients on %s", len(all), nodesText(all)), nil
}

// nodesOf counts the nodes that can be told apart.
func nodesOf(listeners []*listener) int {
	nodes := map[string]bool{}
	for _, l := range listeners {
		if l.node != "" {
			nodes[l.node] = true
		}
	}
	return len(nodes)
}

func nodesText(listeners []*listener) string {
	switch n := nodesOf(listeners); n {
	case 0:
		return "nodes that no cookie tells apart"
	case 1:
		return "1 node"
	default:
		return fmt.Sprintf("%d nodes", n)
	}
}

func hangUp(listeners []*listener) {
	for _, l := range listeners {
		l.conn.CloseNow()
	}
}
