package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

func poolOf(nodes int) *balancer.Pool { return poolWith(nodes, balancer.DefaultSticky()) }

func poolWith(nodes int, sticky balancer.StickyOptions) *balancer.Pool {
	var o []balancer.NodeOptions
	for i := range nodes {
		o = append(o, balancer.NodeOptions{Name: fmt.Sprintf("reverb-%d", i+1), Weight: 1})
	}
	return balancer.New(o, sticky)
}

// handlerOf is a Handler that serves no one yet.
func handlerOf(pool *balancer.Pool) *Handler {
	return New(Options{Timeouts: DefaultTimeouts()}, Deps{Pool: pool, Moves: moves.New(pool, moves.Options{}), Engine: relay.New(1), Log: zap.NewNop()})
}

// pinned is the Set-Cookie that a client gets which sends these cookies.
func pinned(t *testing.T, sticky balancer.StickyOptions, secure bool, sent ...string) string {
	t.Helper()
	h := handlerOf(poolWith(1, sticky))
	r := &http.Request{Header: http.Header{"Cookie": sent}}
	pick, err := h.pool.Acquire(balancer.Key{Pins: h.pinsOf(r)})
	if err != nil {
		t.Fatal(err)
	}
	defer pick.Release()
	return h.pinCookie(r, &client{pick: pick, secure: secure})
}

func TestTheCookieHasTheConfiguredAttributes(t *testing.T) {
	check := func(secure bool, change func(*balancer.CookieOptions), want string) {
		t.Helper()
		sticky := balancer.DefaultSticky()
		change(&sticky.Cookie)
		_, attributes, _ := strings.Cut(pinned(t, sticky, secure), "; ")
		if attributes != want {
			t.Errorf("got %s, want %s", attributes, want)
		}
	}
	check(false, func(*balancer.CookieOptions) {}, "Path=/; Max-Age=86400; HttpOnly; SameSite=Lax")
	check(true, func(*balancer.CookieOptions) {}, "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax")
	check(false, func(o *balancer.CookieOptions) { o.Secure = "always"; o.SameSite = "none" }, "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=None")
	check(true, func(o *balancer.CookieOptions) { o.Secure = "never"; o.SameSite = "strict" }, "Path=/; Max-Age=86400; HttpOnly; SameSite=Strict")
	check(false, func(o *balancer.CookieOptions) { o.MaxAge = 0; o.Path = "/app"; o.Domain = "example.com" },
		"Path=/app; Domain=example.com; HttpOnly; SameSite=Lax")
	partitioned := func(o *balancer.CookieOptions) { o.Partitioned, o.SameSite = true, "none" }
	check(true, partitioned, "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=None; Partitioned")
	check(false, partitioned, "Path=/; Max-Age=86400; HttpOnly; SameSite=None")
	check(false, func(o *balancer.CookieOptions) { o.MaxAge = 90 * time.Second }, "Path=/; Max-Age=90; HttpOnly; SameSite=Lax")
}

func TestACookieIsSetOnlyWhereTheClientLacksIt(t *testing.T) {
	sticky := balancer.DefaultSticky()
	pin, _, _ := strings.Cut(pinned(t, sticky, false), ";")
	check := func(want bool, sent ...string) {
		t.Helper()
		if got := pinned(t, sticky, false, sent...); (got != "") != want {
			t.Errorf("client sends %q: got %q, want a cookie: %v", sent, got, want)
		}
	}
	check(false, pin)
	check(false, "a=b; "+pin, "c=d")
	check(false, pin+"; fermata=another")
	check(true, strings.Replace(pin, "f", "F", 1))
	check(true, pin+"x")
	check(true, "fermata=")
	check(true, "fermata="+strings.Repeat("x", 5000))
	sticky.By = balancer.ByIP
	check(false)
}

func FuzzOnlyAGenuineCookiePins(f *testing.F) {
	genuine := map[string]bool{}
	h := handlerOf(poolOf(3))
	for _, n := range h.pool.Nodes() {
		pin := h.pool.Pin(n.Node)
		genuine[pin] = true
		f.Add("fermata=" + pin)
		f.Add("x=y; fermata=\"" + pin + "\";fermata=" + pin[1:])
	}
	f.Add("fermata")
	f.Add(";;=;fermata==;\x00")
	f.Fuzz(func(t *testing.T, cookies string) {
		r := &http.Request{Header: http.Header{"Cookie": {cookies}}}
		pins := h.pinsOf(r)
		pick, err := h.pool.Explain(balancer.Key{Pins: pins})
		if err != nil {
			t.Fatal(err)
		}
		named := false
		for _, pin := range pins {
			named = named || genuine[pin]
		}
		if pick.Pinned != named {
			t.Errorf("%q: got pinned %v, want %v", cookies, pick.Pinned, named)
		}
	})
}
