package proxy

import (
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fermata/balancer"
	"fermata/internal/metrics"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// sink is a listener that accepts and keeps what comes.
func sink(b *testing.B) net.Listener {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	b.Cleanup(func() {
		l.Close()
		<-accepting
	})
	return l
}

// benchHandler is a Handler with one node, in front of nothing.
func benchHandler(o Options, node net.Listener) *Handler {
	pool := balancer.New([]balancer.NodeOptions{{Name: "reverb-1", URL: balancer.URL{Host: node.Addr().String()}, Weight: 1}}, balancer.DefaultSticky())
	return New(o, Deps{Pool: pool, Moves: moves.New(pool, moves.Options{}), Engine: relay.New(1), Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop()})
}

// settle relays a client with a session of three subscriptions.
func (h *Handler) benchClient(b *testing.B, to net.Listener, i int) {
	b.Helper()
	r, _ := http.NewRequest(http.MethodGet, "/app/"+knownApp.Key+"?protocol=7&client=js&version=8.4.0", nil)
	r.RequestURI, r.Host, r.RemoteAddr = r.URL.RequestURI(), "ws.example.com", "192.0.2.1:1"
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Origin", "https://app.example.com")
	s := newSessionClient(r, h.options.Load())
	id := fmt.Sprintf("%d.%d", 100_000_000+i, 900_000_000-i)
	s.handler, s.session = h, *session.New(&knownApp, id, session.Options{Counts: h.subs.of(&knownApp)})
	for _, channel := range []string{"news", "orders", "room"} {
		s.session.FromClient(fmt.Appendf(nil, `{"event":"pusher:subscribe","data":{"channel":"%s.%d"}}`, channel, i))
	}
	pick, err := h.pool.Acquire(balancer.Key{})
	if err != nil {
		b.Fatal(err)
	}
	s.client.count(pick, knownApp.Key)
	pair := s.client.pair()
	for _, conn := range []*net.Conn{&pair.Client, &pair.Node} {
		if *conn, err = net.Dial("tcp", to.Addr().String()); err != nil {
			b.Fatal(err)
		}
	}
	s.start(pair)
	h.moves.Add(&s.live)
}

// BenchmarkHandOver is one client, there and back: without what carries it, and with a
// copy of its descriptors as that makes.
func BenchmarkHandOver(b *testing.B) {
	const clients, batch = 200, 50
	to := sink(b)
	o := Options{Timeouts: DefaultTimeouts(), Apps: []session.App{knownApp}}
	from, next := benchHandler(o, to), benchHandler(o, to)
	for i := range clients {
		from.benchClient(b, to, i)
	}
	size := 0
	for done := 0; b.Loop(); done++ {
		if done%clients == 0 && done > 0 {
			from, next = next, from
		}
		if done%batch > 0 {
			continue // was done with the first of its batch
		}
		leaving, _ := from.HandOver(b.Context(), batch)
		for _, l := range leaving {
			size = len(l.State())
			client, _ := unix.FcntlInt(uintptr(l.Client()), syscall.F_DUPFD_CLOEXEC, 0)
			node, _ := unix.FcntlInt(uintptr(l.Node()), syscall.F_DUPFD_CLOEXEC, 0)
			a, err := next.Receive(client, node, l.State())
			if err != nil {
				b.Fatal(err)
			}
			l.Gone()
			a.Start()
		}
	}
	b.ReportMetric(float64(size), "bytes/state")
	for _, h := range []*Handler{from, next} {
		h.Stop(moves.Move{By: relay.ByShutdown, Code: 4100})
		h.engine.Cut()
		h.Wait()
	}
}
