package proxy

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/proxy/relay"
)

func TestAClientThatIsHandedOverNoticesNothing(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.serve()
	next := s.successor()
	var clients []*listener
	for range 10 {
		c := s.listen()
		c.join("news")
		c.join("presence-room")
		clients = append(clients, c)
	}
	before := s.counted()
	s.handOver(next)
	s.wantCounted("handed over", nobody)
	next.wantCounted("received", before)
	wantMetric(t, s.registry, `fermata_handed_over_total{direction="out"} 10`+"\n")
	wantMetric(t, next.registry, `fermata_handed_over_total{direction="in"} 10`+"\n")
	next.publish("shipped", "news", "1", "")
	for _, c := range clients {
		c.wait("shipped", "news", 1)
		c.answers()
		c.join("private-orders")
		c.Close(websocket.StatusNormalClosure, "")
	}
	next.wantNothingLeft(10, 0)
	s.wantNothingLeft(0, 0)
	next.wantCounted("at the end", nobody)
	wantNoMetric(t, s.registry, "fermata_connections_closed_total")
	wantNoMetric(t, next.registry, "fermata_picks_total")
	wantNoMetric(t, next.registry, "fermata_handshakes_total")
}

// life is what a client does, whoever relays it.
func (s *scene) life(handOver func(now *scene) *scene) (line map[string]any) {
	s.Helper()
	c := s.listen()
	for i := range 5 {
		c.join("news")
		c.join(fmt.Sprintf("private-%d", i))
		c.answers()
		s = handOver(s)
		s.publish("shipped", "news", fmt.Sprint(i), "")
		c.wait("shipped", "news", i+1)
	}
	c.Close(websocket.StatusNormalClosure, "")
	s.until("it is closed", func() bool { return s.logs.FilterMessage("client closed").Len() > 0 })
	line = s.logs.FilterMessage("client closed").All()[0].ContextMap()
	line["bytes_to_client"] = line["bytes_to_client"].(int64) - int64(len(c.id)) // which is not always as long
	return line
}

func TestAClientHandedOverTenTimesIsLoggedAsOneThatNeverWas(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 1)
	s.change(func(o *Options) { o.Headers.RequestID = "X-Request-Id" })
	s.serve()
	began := time.Now()
	want := s.life(func(now *scene) *scene { return now })
	s = s.successor()
	half := time.Now()
	got := s.life(func(now *scene) *scene {
		for range 2 {
			next := now.successor()
			now.handOver(next)
			now = next
		}
		return now
	})
	if took := got["dur"].(time.Duration); took > time.Since(half) || want["dur"].(time.Duration) > time.Since(began) || took < time.Millisecond {
		t.Errorf("got a client that was connected for %s, want since it had come", took)
	}
	if got["request"] == "" || got["request"] == want["request"] {
		t.Errorf("got the request id %q, want one", got["request"])
	}
	for _, field := range []string{"dur", "request", "host"} { // each its own
		delete(got, field)
		delete(want, field)
	}
	if !maps.Equal(got, want) {
		t.Errorf("got the line\n%v\nwant\n%v", got, want)
	}
}

func TestAClientCountsAtBothUntilItIsHandedOver(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.change(func(o *Options) { o.Limits.ClientsPerIP = 1 })
	s.serve()
	next := s.successor()
	c := s.listen()
	c.join("news")
	one := s.counted()
	l := s.detachOne()
	one.movable = 0
	s.wantCounted("detached", one)
	a, err := s.copy(l, next)
	if err != nil {
		t.Fatal(err)
	}
	s.wantCounted("received", one)
	next.wantCounted("received there", one)
	was, open := s.file(l.Client())
	l.Gone()
	s.wantCounted("gone", nobody)
	if !open {
		t.Error("got the client's descriptor closed while it was detached")
	}
	s.until("its descriptor is closed here", func() bool { return !was.isOpen() })
	a.Start()
	one.movable = 1
	next.wantCounted("started there", one)
	if _, err := next.dial(); err == nil {
		t.Error("got a second client of the address in, want it refused as the first is there")
	}
	c.answers()
	c.CloseNow()
	next.wantNothingLeft(1, 0)
	next.wantCounted("at the end", nobody)
	s.wantNothingLeft(0, 0)
}

func TestAClientThatTheOtherDoesNotTakeGoesOnWhereItIs(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.serve()
	next := s.successor()
	c := s.listen()
	c.join("news")
	before := s.counted()
	for range 3 {
		l := s.detachOne()
		a, err := s.copy(l, next)
		if err != nil {
			t.Fatal(err)
		}
		s.publish("shipped", "news", "1", "") // while nobody relays it
		a.Drop()
		next.wantCounted("dropped", nobody)
		l.Resume()
		s.wantCounted("resumed", before)
		c.answers()
	}
	c.wait("shipped", "news", 3)
	s.detachOne().Stay()
	s.wantCounted("it stays", before)
	if leaving, left := s.h.HandOver(t.Context(), 1); len(leaving) != 0 || left != (Left{Stay: 1}) {
		t.Errorf("got %d leaving and %+v left, want one that stays", len(leaving), left)
	}
	c.answers()
	c.CloseNow()
	s.wantNothingLeft(1, 0)
	next.wantNothingLeft(0, 0)
	wantMetric(t, s.registry, `fermata_handed_over_total{direction="out"} 0`+"\n")
	wantMetric(t, next.registry, `fermata_handed_over_total{direction="in"} 0`+"\n")
}

func TestClientsWithTLSStayUntilTheyDepart(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	certified := httptest.NewTLSServer(nil)
	s.secure = certified.TLS
	certified.Close()
	s.secure.NextProtos = nil
	s.serve()
	var clients []*listener
	for range 5 {
		c := s.listen()
		c.join("news")
		clients = append(clients, c)
	}
	for range 2 {
		leaving, left := s.h.HandOver(t.Context(), 3)
		if len(leaving) != 0 || left != (Left{Stay: 5}) {
			t.Fatalf("got %d leaving and %+v left, want all 5 to stay", len(leaving), left)
		}
	}
	clients[0].answers()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.moves.Depart(ctx, 50*time.Millisecond)
	for _, c := range clients {
		if code := c.ended(); code != 4200 {
			t.Errorf("got %d, want 4200", code)
		}
	}
	s.wantNothingLeft(5, 0)
	wantMetric(t, s.registry, `by="upgrade"`)
}

func TestASessionThatIsBeingMovedIsHandedOverLater(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 2)
	s.serve()
	next := s.successor()
	c := s.listen()
	c.join("news")
	asked, goOn := make(chan struct{}, 10), make(chan struct{})
	s.engine.dial = func(ctx context.Context, address string) (net.Conn, error) {
		asked <- struct{}{}
		<-goOn
		return s.engine.Engine.Dial(ctx, address)
	}
	at := s.nodeOf()
	s.drain(at)
	<-asked
	if leaving, left := s.h.HandOver(t.Context(), 1); len(leaving) != 0 || left != (Left{Later: 1}) {
		t.Errorf("got %d leaving and %+v left, want it later", len(leaving), left)
	}
	close(goOn)
	s.handOver(next)
	c.answers()
	if moved := next.nodeOf(); moved.Name() == at.Name() {
		t.Errorf("got it on %s, want it on the other node", moved.Name())
	}
	c.CloseNow()
	next.wantNothingLeft(1, 0)
	s.wantNothingLeft(0, 0)
}

func TestAPanicHoldsUpNoHandOver(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.engine.start = func(p relay.Pair) relay.Relay {
		p.Owner = struct{ relay.Owner }{p.Owner} // which cannot be packed
		return s.engine.Engine.Start(p)
	}
	s.serve()
	s.in()
	if leaving, _ := s.h.HandOver(t.Context(), 1); len(leaving) != 0 {
		t.Errorf("got %d leaving, want none", len(leaving))
	}
	s.wantNothingLeft(1, 1)
}

func TestAProcessThatRetiresGetsNoSecondRequestOnAConnection(t *testing.T) {
	t.Parallel()
	s := newPredecessor(t, 1)
	s.serve()
	client := http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	ask := func(want bool) {
		t.Helper()
		r, err := client.Get("http://" + s.address + "/up")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.Close != want || r.StatusCode != http.StatusOK {
			t.Errorf("got %d and Connection: close %v, want 200 and %v", r.StatusCode, r.Close, want)
		}
	}
	ask(false)
	s.h.Retire()
	ask(true)
	c := s.listen() // was accepted before
	c.answers()
	s.h.Unretire()
	ask(false)
	ask(false)
	c.CloseNow()
	client.CloseIdleConnections()
	s.wantNothingLeft(1, 0)
}
