package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// known is the configuration that knows the app of the nodes.
const known = "apps: [{id: " + devnode.DefaultAppID + ", key: " + devnode.DefaultAppKey + ", secret: " + devnode.DefaultAppSecret + "}]\n"

// subscriber is a client that notes all it gets.
type subscriber struct {
	*apptest.Peer
	t    *testing.T
	mu   sync.Mutex
	got  []devnodeMessage
	over error
	news chan struct{} // has one after each
	done chan struct{}
}

type devnodeMessage struct{ Event, Channel, Data string }

func readMessage(text []byte) (devnodeMessage, error) {
	var m struct {
		Event, Channel string
		Data           json.RawMessage
	}
	err := json.Unmarshal(text, &m)
	var data string
	if json.Unmarshal(m.Data, &data) != nil {
		data = string(m.Data) // of a client event
	}
	return devnodeMessage{m.Event, m.Channel, data}, err
}

func subscribe(t *testing.T, s *apptest.Stack, channels ...string) *subscriber {
	t.Helper()
	return subscribeAs(t, s.Dial(), channels...)
}

func subscribeAs(t *testing.T, p *apptest.Peer, channels ...string) *subscriber {
	t.Helper()
	p.SetReadLimit(1 << 20)
	c := &subscriber{Peer: p, t: t, news: make(chan struct{}, 1), done: make(chan struct{})}
	go c.read()
	t.Cleanup(func() { p.CloseNow(); <-c.done })
	for _, channel := range channels {
		c.join(channel)
	}
	return c
}

func (c *subscriber) read() {
	defer close(c.done)
	for {
		_, text, err := c.Read(context.Background())
		var m devnodeMessage
		if err == nil {
			m, err = readMessage(text)
		}
		c.mu.Lock()
		if err == nil {
			c.got = append(c.got, m)
		}
		c.over = err
		c.mu.Unlock()
		select {
		case c.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// say sends a message.
func (c *subscriber) say(event string, data any) {
	c.t.Helper()
	text, _ := json.Marshal(map[string]any{"event": event, "data": data})
	if err := c.Write(c.t.Context(), websocket.MessageText, text); err != nil {
		c.t.Error(err)
	}
}

// join subscribes to a channel and waits for the answer.
func (c *subscriber) join(channel string) {
	c.t.Helper()
	data := map[string]string{"channel": channel}
	if strings.HasPrefix(channel, "presence-") {
		data["channel_data"] = fmt.Sprintf(`{"user_id":%q}`, c.ID)
	}
	if strings.HasPrefix(channel, "private-") || strings.HasPrefix(channel, "presence-") {
		data["auth"] = devnode.SignChannel(c.ID, channel, data["channel_data"], devnode.DefaultAppKey, devnode.DefaultAppSecret)
	}
	c.say("pusher:subscribe", data)
	c.wait("the answer for "+channel, func(all []devnodeMessage) bool {
		return count(all, "pusher_internal:subscription_succeeded", channel) > 0
	})
}

func count(all []devnodeMessage, event, channel string) (n int) {
	for _, m := range all {
		if m.Event == event && m.Channel == channel {
			n++
		}
	}
	return n
}

func (c *subscriber) now() []devnodeMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got
}

func (c *subscriber) wait(what string, so func([]devnodeMessage) bool) []devnodeMessage {
	c.t.Helper()
	timeout := time.After(apptest.Timeout)
	for {
		c.mu.Lock()
		got, over := c.got, c.over
		c.mu.Unlock()
		if so(got) {
			return got
		}
		if over != nil {
			c.t.Fatalf("%s: the client has ended: %v", what, over)
		}
		select {
		case <-c.news:
		case <-timeout:
			c.t.Fatalf("%s: got %v", what, got)
		}
	}
}

// publish publishes numbered events until stop is closed, and returns how many.
func publish(n *devnode.Node, channel string, stop chan struct{}) (count int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return count
		case <-tick.C:
			n.Publish(channel, "numbered", fmt.Sprint(count))
			count++
		}
	}
}

func TestADrainMovesASessionAndTheSocketStays(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, steady(apptest.Even+known))
	var clients []*subscriber
	for range 6 {
		clients = append(clients, subscribe(t, s, "news", "private-orders", "presence-room"))
	}
	stop, published := make(chan struct{}), make(chan int)
	go func() { published <- publish(s.Nodes[1], "news", stop) }()
	for round := range 4 {
		name := fmt.Sprintf("reverb-%d", round%2+1)
		s.DrainWhole(name, admin.DrainRequest{})
		s.Undrain(name)
	}
	close(stop)
	last := <-published
	for i, c := range clients {
		got := c.wait("all events", func(all []devnodeMessage) bool { return count(all, "numbered", "news") >= last })
		next := 0
		for _, m := range got {
			if strings.HasPrefix(m.Channel, "fermata-") {
				t.Errorf("client %d: got %v of the machinery", i, m)
			}
			if m.Event != "numbered" {
				continue
			}
			if m.Data != fmt.Sprint(next) {
				t.Fatalf("client %d: got event %s, want %d", i, m.Data, next)
			}
			next++
		}
		for _, channel := range []string{"news", "private-orders", "presence-room"} {
			if n := count(got, "pusher_internal:subscription_succeeded", channel); n != 1 {
				t.Errorf("client %d: got %d answers for %s, want 1", i, n, channel)
			}
		}
	}
	if s.Logs.Has("client closed") {
		t.Error("a client was closed")
	}
}

func TestASessionOfALostNodeIsMadeAnew(t *testing.T) {
	s := apptest.New(t, 3, apptest.Even+known+"session: {on_loss: move}\nhealth: {timeout: 20s}\n")
	var clients []*subscriber
	for range 6 {
		clients = append(clients, subscribe(t, s, "news", "private-orders", "presence-room"))
	}
	lost := s.NodesNow()["reverb-1"].Connections
	if lost == 0 {
		t.Fatal("got no client on reverb-1, want some")
	}
	s.Nodes[0].Kill()
	for _, c := range clients {
		want := 1
		if c.Node == "reverb-1" {
			want = 2 // it learns the members there
		}
		c.wait("to be subscribed", func(all []devnodeMessage) bool {
			return count(all, "pusher_internal:subscription_succeeded", "presence-room") >= want
		})
	}
	s.WaitMetric(`fermata_sessions{node="reverb-1"} 0`)
	s.Nodes[1].Publish("private-orders", "shipped", "1")
	for _, c := range clients {
		c.wait("an event after the loss", func(all []devnodeMessage) bool { return count(all, "shipped", "private-orders") == 1 })
		c.say("pusher:ping", nil)
	}
	if s.Logs.Has("client closed") {
		t.Error("a client was closed")
	}
	s.WaitMetric(fmt.Sprintf(`fermata_session_moves_total{result="moved"} %d`, lost))
}

func TestWhenAllNodesRestartNobodyComesBack(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even+known+"session: {on_loss: move}\n")
	var clients []*subscriber
	for range 4 {
		clients = append(clients, subscribe(t, s, "presence-room"))
	}
	for _, n := range s.Nodes {
		n.Kill()
	}
	s.Logs.Wait(t, "node down")
	s.RestartNode("reverb-1")
	s.RestartNode("reverb-2")
	for _, c := range clients {
		c.wait("to be subscribed again", func(all []devnodeMessage) bool {
			return count(all, "pusher_internal:subscription_succeeded", "presence-room") == 2
		})
	}
	if s.Logs.Has("client closed") {
		t.Error("a client was closed")
	}
}

func TestAWrongSecretClosesClientsAsBeforeAndSaysSo(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even+strings.Replace(known, devnode.DefaultAppSecret, "wrong", 1)+"health: {reverb: {delivery: {interval: 0s}}}\n")
	c := subscribe(t, s, "news")
	s.DrainWhole(c.Node, admin.DrainRequest{})
	<-c.done
	if code := websocket.CloseStatus(c.over); code != 4200 {
		t.Errorf("got %v, want a Close frame 4200", c.over)
	}
	line := s.Logs.Wait(t, "sessions are closed and not moved")
	if line["result"] != "publish" || !strings.Contains(line["err"].(string), "401") {
		t.Errorf("got %v, want publish and the node's 401", line)
	}
}

func TestNodesWithoutACommonRedisCloseClientsAsBeforeAndSaySo(t *testing.T) {
	t.Parallel()
	a := apptest.StartNode(t, devnode.Options{Name: "reverb-1"})
	b := apptest.StartNode(t, devnode.Options{Name: "reverb-2"})
	s := apptest.NewFront(t, []string{a.URL(), b.URL()}, apptest.Even+known+"session: {timeout: 500ms}\nhealth: {reverb: {delivery: {interval: 0s}}}\n")
	var clients []*subscriber
	for range 6 {
		clients = append(clients, subscribe(t, s, "news", "presence-room"))
	}
	s.DrainWhole("reverb-1", admin.DrainRequest{})
	for _, c := range clients {
		if c.Node != "reverb-1" {
			continue
		}
		<-c.done
		if code := websocket.CloseStatus(c.over); code != 4200 {
			t.Errorf("got %v, want a Close frame 4200", c.over)
		}
		for _, m := range c.now() {
			if strings.HasPrefix(m.Channel, "fermata-") {
				t.Errorf("got %v of the machinery", m)
			}
		}
	}
	if line := s.Logs.Wait(t, "sessions are closed and not moved"); line["result"] != "no_shared_bus" {
		t.Errorf("got %v, want no_shared_bus", line)
	}
}

func TestAClientOfAnUnknownAppIsClosedAsBefore(t *testing.T) {
	s := apptest.New(t, 2, "apps: [{id: a, key: b, secret: c}]\nhealth: {reverb: {delivery: {interval: 0s}}}\n")
	c := subscribe(t, s, "news")
	s.DrainWhole(c.Node, admin.DrainRequest{})
	<-c.done
	if code := websocket.CloseStatus(c.over); code != 4200 {
		t.Errorf("got %v, want a Close frame 4200", c.over)
	}
}

func TestWithoutAGreetingNobodyHasASession(t *testing.T) {
	s := apptest.New(t, 2, known+"await_greeting: false\n")
	c := subscribe(t, s, "news")
	s.DrainWhole(c.Node, admin.DrainRequest{})
	<-c.done
	if code := websocket.CloseStatus(c.over); code != 4200 {
		t.Errorf("got %v, want a Close frame 4200", c.over)
	}
}
