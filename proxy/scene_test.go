package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
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

// patience is how long a test waits for what must happen.
const patience = 45 * time.Second

// hooked is an engine that a test can change.
type hooked struct {
	relay.Engine
	dial  func(ctx context.Context, address string) (net.Conn, error) // nil: the engine's own
	start func(relay.Pair) relay.Relay                                // nil: the engine's own
}

func (e *hooked) Dial(ctx context.Context, address string) (net.Conn, error) {
	if e.dial != nil {
		return e.dial(ctx, address)
	}
	return e.Engine.Dial(ctx, address)
}

func (e *hooked) Start(p relay.Pair) relay.Relay {
	if e.start != nil {
		return e.start(p)
	}
	return e.Engine.Start(p)
}

// scene is a Handler behind a real server and in front of real nodes, with all that
// counts clients.
type scene struct {
	*testing.T
	h        *Handler
	engine   *hooked
	pool     *balancer.Pool
	moves    *moves.Moves
	registry *prometheus.Registry
	nodes    []*devnode.Node // reverb-1 and so on
	logs     *observer.ObservedLogs
	server   *http.Server
	address  string
	secure   *tls.Config // nil: clients come without TLS

	newcomers *Newcomers
	left      atomic.Int64 // connections that the server has got

	resettled chan *balancer.Node // that a client was given
	// writer is what requests are answered by; nil: the server's own.
	writer func(http.ResponseWriter) http.ResponseWriter
}

// newScene starts the nodes. serve starts the rest.
func newScene(t *testing.T, nodes int) *scene {
	t.Helper()
	var all []*devnode.Node
	for i := range nodes {
		n, err := devnode.Start("127.0.0.1:0", devnode.Options{Name: fmt.Sprintf("reverb-%d", i+1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Kill)
		all = append(all, n)
	}
	return newSceneOf(t, all)
}

// newSceneOf is in front of these nodes, which others may be, too.
func newSceneOf(t *testing.T, nodes []*devnode.Node) *scene {
	s := &scene{T: t, nodes: nodes, engine: &hooked{Engine: relay.New(1)}, registry: prometheus.NewRegistry(), resettled: make(chan *balancer.Node)}
	var all []balancer.NodeOptions
	for i, n := range nodes {
		all = append(all, balancer.NodeOptions{Name: fmt.Sprintf("reverb-%d", i+1), URL: balancer.URL{Host: n.Addr().String()}, Weight: 1})
	}
	s.pool = balancer.New(all, balancer.DefaultSticky())
	s.moves = moves.New(s.pool, moves.Options{Answer: time.Second})
	core, logs := observer.New(zap.DebugLevel)
	s.logs = logs
	limits, timeouts := DefaultLimits(), DefaultTimeouts()
	limits.MaxClients, timeouts.Close = 100, 500*time.Millisecond
	s.h = New(Options{Timeouts: timeouts, Limits: limits, MaxConnections: 200, AwaitGreeting: true},
		Deps{Pool: s.pool, Moves: s.moves, Engine: s.engine, Metrics: metrics.New(s.registry), Log: zap.New(core)})
	metrics.Observe(s.registry, s.pool.Nodes, s.engine.Totals)
	metrics.ObserveTallies(s.registry, s.h.Tallies)
	return s
}

// change changes the options.
func (s *scene) change(f func(*Options)) {
	o := *s.h.options.Load()
	f(&o)
	s.h.SetOptions(o)
}

func (s *scene) serve() {
	s.Helper()
	s.newcomers = NewNewcomers(s.h)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		s.address = l.Addr().String()
		in := relay.Incoming{TLS: s.secure}
		if s.writer == nil {
			in.First = s.newcomers.First
		}
		l, err = s.engine.Listener(l, in)
	}
	if err != nil {
		s.Fatal(err)
	}
	come := func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.left.Add(1)
		}
		s.h.ConnState(conn, state)
	}
	s.server = &http.Server{ConnState: come, ErrorLog: zap.NewStdLog(zap.NewNop()), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.writer != nil {
			w = s.writer(w)
		}
		s.h.ServeHTTP(w, r)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { s.server.Serve(l) })
	s.Cleanup(func() {
		s.server.Close()
		s.newcomers.Close()
		serving.Wait()
	})
}

// dial connects a client. Its end is awaited by the test, or it is cut then.
func (s *scene) dial() (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	scheme, o := "ws", (*websocket.DialOptions)(nil)
	if s.secure != nil {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		scheme, o = "wss", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}}
	}
	conn, _, err := websocket.Dial(ctx, scheme+"://"+s.address+"/app/"+devnode.DefaultAppKey, o)
	if err == nil {
		s.Cleanup(func() { conn.CloseNow() })
	}
	return conn, err
}

// in connects a client that a node has greeted, and that is counted everywhere.
func (s *scene) in() *websocket.Conn {
	s.Helper()
	conn, err := s.dial()
	if err != nil {
		s.Fatal(err)
	}
	s.until("the client can be moved", func() bool { return s.moves.Clients() > 0 })
	return conn
}

// turnedAway connects a client that must not get in.
func (s *scene) turnedAway() {
	s.Helper()
	if conn, err := s.dial(); err == nil {
		if code := s.closed(conn); code != 4100 {
			s.Errorf("got code %d, want 4100", code)
		}
	}
}

// closed waits for the client's end.
func (s *scene) closed(conn *websocket.Conn) websocket.StatusCode {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				s.Errorf("the client was not closed in %s", patience)
			}
			return websocket.CloseStatus(err)
		}
	}
}

// open sends an upgrade by hand, over a connection that the test closes.
func (s *scene) open(fields string) net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /app/%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%s\r\n", devnode.DefaultAppKey, fields)
	return conn
}

const goodFields = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + goodKey + "\r\n"

// until waits until that is so.
func (s *scene) until(what string, holds func() bool) {
	s.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-look.C {
		if time.Now().After(deadline) {
			s.Fatalf("not in %s: %s", patience, what)
		}
	}
}

// stop begins a stop with a deadline that is soon.
func (s *scene) stop() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.h.Stop(moves.Move{By: relay.ByShutdown, Code: 4100, Reason: "restarting", Deadline: time.Now().Add(100 * time.Millisecond)})
	}()
	s.Cleanup(func() {
		select {
		case <-ended:
		case <-time.After(patience):
			s.Error("the stop has not ended")
		}
	})
}

// wantNothingLeft waits until nobody is left, and compares all that counts clients
// with nobody, and the counters with how many there have been.
func (s *scene) wantNothingLeft(closed, panics int) {
	s.Helper()
	s.until("all clients have ended", func() bool { return s.logs.FilterMessage("client closed").Len() >= closed })
	s.until("all panics are told", func() bool { return s.logs.FilterMessageSnippet("panic").Len() >= panics })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		s.Fatal(err)
	}
	waited := make(chan struct{})
	go func() {
		s.h.Wait()
		close(waited)
	}()
	select {
	case <-waited:
	case <-ctx.Done():
		s.Fatal("Wait has not returned: somebody is counted as hijacked, or relayed")
	}
	s.until("no request is served", func() bool { return s.h.open.Open() <= 0 })
	if now, _ := s.h.Clients(); now != 0 {
		s.Errorf("got %d clients, want none", now)
	}
	if got := s.h.open.Open(); got != 0 {
		s.Errorf("got %d open connections, want none", got)
	}
	if got := s.moves.Clients(); got != 0 {
		s.Errorf("got %d clients that can be moved, want none", got)
	}
	for i, n := range s.pool.Nodes() {
		if n.Connections != 0 {
			s.Errorf("%s: got %d connections in the pool, want none", n.Name, n.Connections)
		}
		wantMetric(s.T, s.registry, fmt.Sprintf("fermata_connections{node=%q} 0\n", n.Name))
		s.until("the node's connections are closed", func() bool { return s.nodes[i].Stats().Open == 0 })
	}
	for _, tally := range s.h.Tallies() {
		if len(tally.Apps) != 0 {
			s.Errorf("%s: got clients by app %v, want none", tally.Node, tally.Apps)
		}
	}
	if got := len(s.h.tallies.apps); got != 0 {
		s.Errorf("got %d apps, want none", got)
	}
	if got := s.logs.FilterMessage("client closed").Len(); got != closed {
		s.Errorf("got %d ends of clients, want %d", got, closed)
	}
	wantMetric(s.T, s.registry, fmt.Sprintf("fermata_panics_total %d\n", panics))
}

var errHook = errors.New("the test's own")
