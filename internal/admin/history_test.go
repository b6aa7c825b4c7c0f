package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fermata/balancer"
	"fermata/internal/admin"
	"fermata/internal/metrics"
	"fermata/proxy/relay"
)

// counted is a Fermata's metrics, over two nodes and a relay that are made up.
type counted struct {
	*metrics.Metrics
	registry *prometheus.Registry
	totals   atomic.Pointer[relay.Totals]
}

func newCounted() *counted {
	c := &counted{registry: prometheus.NewRegistry()}
	c.Metrics = metrics.New(c.registry)
	c.totals.Store(&relay.Totals{})
	nodes := func() []balancer.Status {
		return []balancer.Status{{Name: "reverb-1", Connections: 7}, {Name: "reverb-2", Connections: 5}}
	}
	metrics.Observe(c.registry, nodes, func() relay.Totals { return *c.totals.Load() })
	return c
}

// recorded runs f in a bubble while s records c's metrics so often, and begins
// half way between two samples.
func recorded(t *testing.T, s *admin.Server, c *counted, every time.Duration, f func()) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Record(ctx, c.registry, every)
		}()
		defer func() { cancel(); <-done }()
		time.Sleep(every / 2)
		f()
	})
}

func samples(t *testing.T, s *admin.Server) []admin.Sample {
	t.Helper()
	w := ask(s, "GET", "/v1/history", "")
	var history admin.History
	if err := json.Unmarshal(w.Body.Bytes(), &history); err != nil || w.Code != 200 {
		t.Fatalf("got %d %s, want the history", w.Code, w.Body)
	}
	return history.Samples
}

func TestASampleSaysWhatHappenedSinceTheOneBefore(t *testing.T) {
	c := newCounted()
	c.Handshake("reverb-1", "ok")
	c.Closed("reverb-1", "client", time.Minute)
	c.Checked("reverb-1", time.Hour)
	s := server(twoNodes(), "")
	recorded(t, s, c, time.Second, func() {
		c.Handshake("reverb-1", "ok")
		c.Handshake("reverb-2", "ok")
		c.Handshake("reverb-2", "dial")
		c.Closed("reverb-1", "drain", time.Minute)
		c.Closed("reverb-2", "drain", time.Minute)
		c.Closed("reverb-2", "client", time.Minute)
		c.Checked("reverb-2", 2*time.Millisecond)
		c.Checked("reverb-2", 4*time.Millisecond)
		c.totals.Store(&relay.Totals{MessagesToNode: 3, BytesToClient: 1000})
		time.Sleep(time.Second)
		got := samples(t, s)
		if len(got) != 1 {
			t.Fatalf("got %d samples, want 1", len(got))
		}
		got[0].Time = time.Time{}
		want := "{connections:map[reverb-1:7 reverb-2:5] opened:2 closed:map[client:1 drain:2] checks:map[reverb-2:0.003] messages:map[to_node:3] bytes:map[to_client:1000]}"
		if text := describe(got[0]); text != want {
			t.Errorf("got\n%s, want\n%s", text, want)
		}
		time.Sleep(time.Second)
		want = "{connections:map[reverb-1:7 reverb-2:5] opened:0 closed:map[] checks:map[] messages:map[] bytes:map[]}"
		if text := describe(samples(t, s)[1]); text != want {
			t.Errorf("a quiet second: got\n%s, want\n%s", text, want)
		}
	})
}

func describe(s admin.Sample) string {
	return fmt.Sprintf("{connections:%v opened:%v closed:%v checks:%v messages:%v bytes:%v}",
		s.Connections, s.Opened, s.Closed, s.Checks, s.Messages, s.Bytes)
}

func TestANodeThatLeavesMakesNoRateNegative(t *testing.T) {
	c := newCounted()
	for range 5 {
		c.Closed("reverb-1", "client", time.Minute)
		c.Handshake("reverb-1", "ok")
	}
	s := server(twoNodes(), "")
	recorded(t, s, c, time.Second, func() {
		c.Forget("reverb-1")
		c.Closed("reverb-1", "client", time.Minute) // it is back
		time.Sleep(time.Second)
		if got := samples(t, s)[0]; got.Opened != 0 || got.Closed["client"] != 1 {
			t.Errorf("got %s, want none opened and one closed", describe(got))
		}
	})
}

func TestTheHistoryKeepsTheLatestSamples(t *testing.T) {
	s := server(twoNodes(), "")
	recorded(t, s, newCounted(), time.Second, func() {
		if got := samples(t, s); len(got) != 0 {
			t.Errorf("got %d samples at first, want none", len(got))
		}
		time.Sleep(1000 * time.Second)
		got := samples(t, s)
		if len(got) != 180 {
			t.Fatalf("got %d samples, want 180", len(got))
		}
		if kept := got[179].Time.Sub(got[0].Time); kept != 179*time.Second {
			t.Errorf("got samples over %s, want them a second apart", kept)
		}
	})
}

func TestTheLiveStreamHasEventsNodesAndSamples(t *testing.T) {
	c := newCounted()
	s := server(twoNodes(), "")
	record(t, s, c, time.Millisecond)
	s.Publish(event(1))
	f := followPath(t, start(t, s), "/v1/live", "")
	id := f.want(1)
	kinds := make(map[string]bool)
	for len(kinds) < 2 {
		kind, data := f.nextKind()
		if data == "" {
			t.Fatalf("the stream ends behind %v, want nodes and a sample", kinds)
		}
		kinds[kind] = true
	}
	if !kinds["nodes"] || !kinds["sample"] {
		t.Errorf("got %v, want nodes and a sample", kinds)
	}
	s.Publish(event(2))
	back := followPath(t, start(t, s), "/v1/live", id)
	back.want(2)
	s.Close()
	for kind, data := back.nextKind(); data != ""; kind, data = back.nextKind() {
		if kind == "" {
			t.Errorf("got %s before the end, want no event again", data)
		}
	}
}

// record records c's metrics until the test ends.
func record(t *testing.T, s *admin.Server, c *counted, every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Record(ctx, c.registry, every)
	}()
	t.Cleanup(func() { cancel(); <-done })
}
