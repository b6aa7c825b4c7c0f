package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"
)

// What is worked out must be what package net/http writes.
func TestTheSizeOfAPlainHeadIsTheOneThatIsWritten(t *testing.T) {
	check := func(lines ...string) {
		t.Helper()
		r := read(t, lines...)
		out := r.Clone(t.Context())
		out.Header.Set("User-Agent", r.Header.Get("User-Agent"))
		out.Body = nil
		if r.ContentLength > 0 {
			out.Body = io.NopCloser(io.LimitReader(strings.NewReader(strings.Repeat("x", 1<<20)), r.ContentLength))
		}
		pr := &httputil.ProxyRequest{In: withClient(r, newClient(r, new(Options))), Out: out}
		rewrite(pr)
		var written bytes.Buffer
		if err := pr.Out.Write(&written); err != nil {
			t.Fatal(err)
		}
		head, _, _ := bytes.Cut(written.Bytes(), []byte("\r\n\r\n"))
		if got, want := plainHead(pr.Out), len(head)+4; got != want {
			t.Errorf("got %d, want %d: %s", got, want, head)
		}
	}
	check("GET / HTTP/1.1", "Host: a")
	check("GET /a|b?c=%zz HTTP/1.1", "Host: ws.example.com:8080", "User-Agent: x y", "A:b", "A:c", "Cookie: a=b")
	check("GET //a/b? HTTP/1.1", "Host: [::1]:80", "Sec-WebSocket-Key: x", "Connection: A", "A: b", "Te: trailers")
	check("GET http://b/a HTTP/1.1", "Host: a")
	check("POST /apps/1/events?auth_key=1 HTTP/1.1", "Host: a", "Content-Length: 12345", "Content-Type: application/json")
	check("DELETE /a HTTP/1.1", "Host: a", "Content-Length: 3")
	check("POST /a HTTP/1.1", "Host: a", "Content-Length: 0")
}

func TestFieldsAreLeftOutOnlyWhereThatHelps(t *testing.T) {
	fields := func() http.Header {
		return http.Header{"X-Request-Id": {"1234567890"}, "X-Forwarded-Host": {"a"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Other": {"1"}}
	}
	check := func(over int, want ...string) {
		t.Helper()
		h := fields()
		c := &client{options: &Options{Limits: Limits{MaxHeaderBytes: 1000}, Headers: Headers{RequestID: "X-Request-Id"}}}
		c.fitUpgrade(h, 1000+over)
		if len(h) != len(want) {
			t.Errorf("%d bytes too many: got %v, want %v", over, h, want)
		}
		for _, name := range want {
			if h[name] == nil {
				t.Errorf("%d bytes too many: got %v, want %v", over, h, want)
			}
		}
	}
	check(0, "X-Request-Id", "X-Forwarded-Host", "X-Forwarded-For", "X-Other")
	check(1, "X-Forwarded-Host", "X-Forwarded-For", "X-Other")
	check(26, "X-Forwarded-Host", "X-Forwarded-For", "X-Other")
	check(27, "X-Forwarded-For", "X-Other")
	check(75, "X-Other")
	check(76, "X-Request-Id", "X-Forwarded-Host", "X-Forwarded-For", "X-Other")
}

func TestAPlainHeadThatIsJustSmallEnoughGoesToANode(t *testing.T) {
	r := read(t, "POST /apps/1/events HTTP/1.1", "Host: a", "Content-Length: 9000")
	size := plainHead(r)
	f := func(limit int, want error) {
		t.Helper()
		c := &client{options: &Options{Limits: Limits{MaxHeaderBytes: limit}}}
		if err := c.fitPlain(r); err != want {
			t.Errorf("a head of %d bytes with at most %d: got %v, want %v", size, limit, err, want)
		}
	}
	f(size, nil)
	f(size-1, errHead)
}

func TestANodeThatHasComeBackHasTenSecondsWhenNothingIsSaid(t *testing.T) {
	if got := DefaultLimits().SlowStart; got != 10*time.Second {
		t.Errorf("got %v, want 10s", got)
	}
}
