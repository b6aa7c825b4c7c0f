package proxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// change changes the options.
func (h *Handler) change(f func(*Options)) {
	o := *h.options.Load()
	f(&o)
	h.SetOptions(o)
}

func TestWhatClientsLeaveBehindAreTheirConnectionsAndBodies(t *testing.T) {
	h := handlerOf(poolOf(1))
	h.change(func(o *Options) { o.MaxConnections = 10 })
	want := func(what string, want int64) {
		t.Helper()
		if got := h.Spent(); got != want {
			t.Errorf("%s: got %d, want %d", what, got, want)
		}
	}
	conn, _ := net.Pipe()
	for _, state := range []http.ConnState{http.StateNew, http.StateActive, http.StateHijacked} {
		h.ConnState(conn, state)
	}
	want("one that was taken over", 0)
	for _, state := range []http.ConnState{http.StateNew, http.StateActive, http.StateClosed} {
		h.ConnState(conn, state)
	}
	want("one that has ended", 1)
	h.admitted.Add(3)
	want("three clients more", 4)
	h.bodies.freed = 2*perBody + 1
	want("and two bodies", 6)
}

func TestTheAddressThatTookAConnectionIsDialledFirst(t *testing.T) {
	h := handlerOf(balancer.New([]balancer.NodeOptions{{Name: "a", URL: balancer.URL{Host: "reverb.test:80"}, Weight: 1}}, balancer.DefaultSticky()))
	n := h.pool.Nodes()[0].Node
	first, second := netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("192.0.2.2:80")
	h.pool.SetAddresses("a", "reverb.test:80", []netip.AddrPort{first, second})
	wants := func(want netip.AddrPort) {
		t.Helper()
		if got := h.pool.Addresses(n)[0]; got != want {
			t.Errorf("got %s first, want %s", got, want)
		}
	}
	dial := func(answers string) {
		h.engine = &hooked{Engine: h.engine, dial: func(_ context.Context, address string) (net.Conn, error) {
			if address != answers {
				return nil, syscall.ECONNREFUSED
			}
			conn, _ := net.Pipe()
			return conn, nil
		}}
		if conn, err := h.dial(t.Context(), inTime(), n, Timeouts{Dial: time.Second}); err == nil {
			conn.Close()
		}
	}
	dial("nobody")
	wants(first)
	dial(first.String())
	wants(first)
	dial(second.String())
	wants(second)
}

func TestALoopAndASilentNodeAreNamedOnceForManyClients(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	h := New(Options{}, Deps{Pool: poolOf(1), Engine: relay.New(1), Log: zap.New(core)})
	n := h.pool.Nodes()[0].Node
	for range 3 {
		r := read(t, "GET /app/key HTTP/1.1", "Host: a")
		c := newClient(r, h.options.Load())
		answer := httptest.NewRecorder()
		h.refuseLoop(answer, r, c)
		if answer.Code != http.StatusLoopDetected {
			t.Errorf("got %d, want %d", answer.Code, http.StatusLoopDetected)
		}
		h.noteSilent(n, c)
	}
	for _, message := range []string{"a node is this Fermata itself", "a node says nothing after its 101"} {
		if got := logs.FilterMessage(message).Len(); got != 1 {
			t.Errorf("got %q %d times, want it once", message, got)
		}
	}
}
