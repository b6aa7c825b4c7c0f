package proxy

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
	"fermata/internal/metrics"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// brittle is an engine that panics when it is told to, as a bug would.
type brittle struct {
	relay.Engine
	start, dial atomic.Bool
}

func (b *brittle) Start(p relay.Pair) relay.Relay {
	if b.start.Load() {
		panic("a bug in start")
	}
	return b.Engine.Start(p)
}

func (b *brittle) Dial(ctx context.Context, address string) (net.Conn, error) {
	if b.dial.Load() {
		panic("a bug in dial")
	}
	return b.Engine.Dial(ctx, address)
}

func TestAPanicInAHandlerEndsItsClientAloneAndGivesAllBack(t *testing.T) {
	node, err := devnode.Start("127.0.0.1:0", devnode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Kill)
	core, lines := observer.New(zap.ErrorLevel)
	registry := prometheus.NewRegistry()
	engine := &brittle{Engine: relay.New(1)}
	pool := balancer.New([]balancer.NodeOptions{{Name: "reverb-1", URL: balancer.URL{Host: node.Addr().String()}, Weight: 1}}, balancer.DefaultSticky())
	limits := DefaultLimits()
	limits.MaxClients = 10
	h := New(Options{Timeouts: DefaultTimeouts(), Limits: limits, MaxConnections: 20, AwaitGreeting: true},
		Deps{Pool: pool, Moves: moves.New(pool, moves.Options{}), Engine: engine, Metrics: metrics.New(registry), Log: zap.New(core)})
	front := httptest.NewUnstartedServer(h)
	front.Config.ConnState = h.ConnState
	front.Start()
	t.Cleanup(front.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	dial := func() (*websocket.Conn, error) {
		conn, _, err := websocket.Dial(ctx, front.URL+"/app/"+devnode.DefaultAppKey, nil)
		return conn, err
	}

	for _, broken := range []*atomic.Bool{&engine.start, &engine.dial} {
		broken.Store(true)
		if conn, err := dial(); err == nil {
			conn.CloseNow()
			t.Fatal("got a client in, want its connection to be closed")
		}
		broken.Store(false)
	}
	conn, err := dial()
	if err != nil {
		t.Fatalf("the next client: %v", err)
	}
	now, _ := h.Clients()
	if open := pool.Nodes()[0].Connections; now != 1 || open != 1 || h.Tallies()[0].Apps[devnode.DefaultAppKey] != 1 {
		t.Errorf("got %d clients, %d at the node, apps %v, want the last one alone", now, open, h.Tallies())
	}
	conn.CloseNow()
	h.Wait()
	if got := lines.FilterMessageSnippet("panic").All(); len(got) != 2 || !strings.Contains(got[0].ContextMap()["stack"].(string), "brittle") {
		t.Errorf("got log lines %v, want one for each panic, with the stack", got)
	}
}
