package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// stage is a Fermata in front of nodes behind checkpoints, where moves go wrong.
type stage struct {
	*apptest.Stack
	points []*checkpoint
	secure bool // clients come over TLS
}

const (
	quiet = "health: {interval: 1s, rise: 1, reverb: {delivery: {interval: 0s}}}\n"
	// itsMarker is in the POST of a marker, and in the marker that a node sends.
	itsMarker = "fermata:marker"
)

// newStage starts all of it, with a configuration that ends with extra.
func newStage(t *testing.T, nodes int, extra string) *stage {
	t.Helper()
	started, _ := apptest.StartNodes(t, nodes)
	return newStageOf(t, started, apptest.Even+quiet+known+extra)
}

func newStageOf(t *testing.T, nodes []*devnode.Node, config string) *stage {
	t.Helper()
	s := &stage{secure: strings.Contains(config, "tls:")}
	var urls []string
	for _, n := range nodes {
		c := before(t, n)
		s.points, urls = append(s.points, c), append(urls, c.URL())
	}
	s.Stack = apptest.NewFront(t, urls, steady(config))
	s.Nodes = nodes
	return s
}

// steady gives a move the time that it needs on a busy machine, unless the
// configuration says how long it may take.
func steady(config string) string {
	if strings.Contains(config, "session:") {
		return config
	}
	return config + patient
}

// bothWays runs a test for plain clients and for those over TLS.
func bothWays(t *testing.T, f func(t *testing.T, listen string)) {
	t.Run("plain", func(t *testing.T) { f(t, "") })
	t.Run("TLS", func(t *testing.T) { f(t, apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "localhost"))) })
}

// subscribe connects a client.
func (s *stage) subscribe(channels ...string) *subscriber {
	s.T.Helper()
	o := &websocket.DialOptions{}
	if s.secure {
		dial := func(context.Context, string, string) (net.Conn, error) { return s.Handshake("", &tls.Config{}) }
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: dial}}
	}
	p, err := s.DialAt(s.Address, o)
	if err != nil {
		s.T.Fatal(err)
	}
	return subscribeAs(s.T, p, channels...)
}

// rude connects a client that writes its frames itself, and is subscribed to news.
func (s *stage) rude() (w *apptest.Wire, node string) {
	s.T.Helper()
	if s.secure {
		w = s.SecureWire(apptest.WireUpgrade + "\r\n")
	} else {
		w = s.Wire(apptest.WireUpgrade + "\r\n")
	}
	w.Answer()
	_, greeting := w.Frame()
	w.Send(apptest.ClientFrame(`{"event":"pusher:subscribe","data":{"channel":"news"}}`))
	if _, answer := w.Frame(); !strings.Contains(answer, "subscription_succeeded") {
		s.T.Fatalf("got %s, want the subscription", answer)
	}
	return w, regexp.MustCompile(`reverb-\d`).FindString(greeting)
}

// of is the checkpoint of a node, and that of another one.
func (s *stage) of(name string) (its, other *checkpoint) {
	for i, c := range s.points {
		if fmt.Sprintf("reverb-%d", i+1) == name {
			its = c
		} else {
			other = c
		}
	}
	return its, other
}

// midway drains a node and stops its move where the marker is to be published.
// Then its clients are held, and subscribed at the other nodes.
func (s *stage) midway(name string) *stop {
	s.T.Helper()
	its, _ := s.of(name)
	held := its.holdUp(itsMarker)
	s.Drain(name, admin.DrainRequest{})
	held.wait(s.T)
	return held
}

// wantOutcome waits until a node is drained, and compares what has become of its
// clients: moved is the number of those, and closed why each other one was not.
func (s *stage) wantOutcome(name string, moved int, closed ...string) {
	s.T.Helper()
	s.Eventually(name+" is drained", func() bool { return s.NodesNow()[name].State == admin.StateDrained })
	because := make(map[string]int)
	for _, why := range closed {
		because[why]++
	}
	got := s.NodesNow()[name].Outcome()
	if got.Moved != moved || got.Closed != len(closed) || !maps.Equal(got.ClosedBecause, because) && len(because) > 0 {
		s.T.Errorf("%s: got %+v, want %d moved and %v closed", name, got, moved, because)
	}
}

// wantResults waits for moves with these results, each as often as it is named, and
// for no others.
func (s *stage) wantResults(results ...string) {
	s.T.Helper()
	want := make(map[string]int)
	for _, result := range results {
		want[result]++
	}
	s.Eventually(fmt.Sprintf("the moves %v; got %v", want, s.results()), func() bool { return maps.Equal(s.results(), want) })
}

// results are how many moves have had which result.
func (s *stage) results() map[string]int {
	s.T.Helper()
	got := make(map[string]int)
	for _, found := range regexp.MustCompile(`fermata_session_moves_total\{result="(.*)"\} (\d+)`).FindAllStringSubmatch(s.Metrics(), -1) {
		if count, _ := strconv.Atoi(found[2]); count > 0 {
			got[found[1]] = count
		}
	}
	return got
}

// wantNothingLeft waits until nobody is counted anywhere, once all clients are
// gone, and stops Fermata.
func (s *stage) wantNothingLeft() {
	s.T.Helper()
	left := regexp.MustCompile(`(?m)^fermata_(connections|sessions|session_subscriptions|app_connections)(\{.*\})? [^0].*`)
	s.Eventually("nobody is counted", func() bool { return !left.MatchString(s.Metrics()) })
	for _, n := range s.Nodes {
		apptest.WaitNode(s.T, n, func(now devnode.Stats) bool { return now.Connections == 0 })
	}
	s.Stop()
}

// stream publishes numbered events through a node until it is ended.
func (s *stage) stream(through *checkpoint) (end func() (published int)) {
	stop, published := make(chan struct{}), make(chan int, 1)
	go func() { published <- publish(through.Node, "news", stop) }()
	return func() int {
		close(stop)
		return <-published
	}
}

// wantAll waits for all of a stream, and for nothing twice, out of order, or of the
// machinery.
func (c *subscriber) wantAll(published int) {
	c.t.Helper()
	got := c.wait("the stream", func(all []devnodeMessage) bool { return count(all, "numbered", "news") >= published })
	c.wantInOrder(got)
}

// wantInOrder compares what has come of a stream.
func (c *subscriber) wantInOrder(got []devnodeMessage) {
	c.t.Helper()
	next, answers := 0, make(map[string]int)
	for _, m := range got {
		switch {
		case strings.HasPrefix(m.Channel, "fermata-"):
			c.t.Errorf("got %v of the machinery", m)
		case m.Event == "numbered" && m.Data != fmt.Sprint(next):
			c.t.Fatalf("got event %s, want %d", m.Data, next)
		case m.Event == "numbered":
			next++
		case m.Event == "pusher_internal:subscription_succeeded":
			answers[m.Channel]++
		}
	}
	for channel, count := range answers {
		if count != 1 {
			c.t.Errorf("got %d answers for %s, want 1", count, channel)
		}
	}
}

// wantClosed waits for the client's end.
func (c *subscriber) wantClosed(code websocket.StatusCode) {
	c.t.Helper()
	wait(c.t, c.done, "the client is closed")
	if got := websocket.CloseStatus(c.over); got != code {
		c.t.Errorf("got %v, want a Close frame %d", c.over, code)
	}
	c.wantInOrder(c.now())
}

// leave ends the client.
func (c *subscriber) leave() {
	c.Close(websocket.StatusNormalClosure, "")
	<-c.done
}

// wait waits until a channel is closed.
func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(apptest.Timeout):
		t.Fatalf("not in %s: %s", apptest.Timeout, what)
	}
}

// markerChannel is the channel that the POST which is held up publishes to.
func markerChannel(t *testing.T, s *stop) string {
	t.Helper()
	channel := regexp.MustCompile("fermata-[0-9a-f]{32}").FindString(s.held)
	if channel == "" {
		t.Fatalf("got %q, want a channel in it", s.held)
	}
	return channel
}
