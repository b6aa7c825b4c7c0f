package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
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
	added := []field{{"X-Request-Id", "1234567890"}, {"X-Forwarded-Host", "a"}, {"X-Forwarded-Proto", ""}, {"X-Forwarded-For", "192.0.2.1"}}
	check := func(over int, want ...string) {
		t.Helper()
		for kind, fit := range map[string]func([]field, int) []string{"upgrade": fittingUpgrade, "plain request": fittingPlain} {
			if got := fit(added, over); !slices.Equal(got, want) {
				t.Errorf("%s, %d bytes too many: got %v, want %v", kind, over, got, want)
			}
		}
	}
	check(0, "X-Request-Id", "X-Forwarded-Host", "X-Forwarded-For")
	check(1, "X-Forwarded-Host", "X-Forwarded-For")
	check(26, "X-Forwarded-Host", "X-Forwarded-For")
	check(27, "X-Forwarded-For")
	check(75)
	check(76, "X-Request-Id", "X-Forwarded-Host", "X-Forwarded-For")
}

func withLimit(bytes int) *client {
	return &client{options: &Options{Limits: Limits{MaxHeaderBytes: bytes}, Headers: DefaultHeaders()}}
}

// fittingUpgrade names what is left of the fields in an upgrade so many bytes too large.
func fittingUpgrade(added []field, over int) (names []string) {
	head := 1000
	for _, f := range added {
		head -= f.size()
	}
	for _, f := range withLimit(1000-over).fitUpgrade(added, head) {
		if f.value != "" {
			names = append(names, f.name)
		}
	}
	return names
}

// fittingPlain does the same for a plain request.
func fittingPlain(added []field, over int) (names []string) {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Host: "a", Header: make(http.Header)}
	for _, f := range added {
		if f.value != "" {
			r.Header[f.name] = []string{f.value}
		}
	}
	withLimit(plainHead(r) - over).fitPlain(r)
	for _, f := range added {
		if r.Header[f.name] != nil {
			names = append(names, f.name)
		}
	}
	return names
}

func TestAPlainHeadThatIsJustSmallEnoughGoesToANode(t *testing.T) {
	r := read(t, "POST /apps/1/events HTTP/1.1", "Host: a", "Content-Length: 9000")
	size := plainHead(r)
	f := func(limit int, want error) {
		t.Helper()
		if err := withLimit(limit).fitPlain(r); err != want {
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
