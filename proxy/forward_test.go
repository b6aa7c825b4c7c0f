package proxy

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// read is the request as net/http reads it.
func read(t testing.TB, lines ...string) *http.Request {
	t.Helper()
	text := strings.Join(lines, "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	r.RemoteAddr = "192.0.2.1:5000"
	return r
}

func TestFieldsOfOneConnectionAreTakenOut(t *testing.T) {
	r := read(t, "GET / HTTP/1.1", "Host: a", "Connection: close, X-Named", "Connection: x-also",
		"X-Named: 1", "X-Also: 2", "X-Stays: 3", "Keep-Alive: 4", "Proxy-Authorization: 5", "Te: trailers",
		"Proxy-Connection: 6", "Upgrade: h2c", "Expect: 100-continue", "Trailer: X-Later")
	stripHopByHop(r.Header)
	if len(r.Header) != 1 || r.Header.Get("X-Stays") != "3" {
		t.Errorf("got %v, want X-Stays alone", r.Header)
	}
}

func TestTheRequestTargetStaysByteForByte(t *testing.T) {
	check := func(sent, want string) {
		t.Helper()
		if got := requestTarget(read(t, "GET "+sent+" HTTP/1.1", "Host: a")); got != want {
			t.Errorf("%s: got %s, want %s", sent, got, want)
		}
	}
	for _, target := range []string{
		"/", "/?", "/app/key?protocol=7&client=js", "/%61%2F%2f", "//two//slashes", "/a;b=c?d;e", "/a?b=%zz", "/a|b\"<>^`{}", "/é",
		"/a/../b/./c", "/a?b?c=/d", "/a?x=1&x=2&=", "/a#b",
	} {
		check(target, target)
	}
	check("http://ws.example.com/a|%61?b", "/a|%61?b")
	check("http://ws.example.com", "/")
	check("http:///a", "/a")
	check("http://ws.example.com?a=b", "/?a=b")
	check("http://ws.example.com/?", "/?")
	check("HTTPS://user@ws.example.com:443//a", "//a")
}

func TestForwardedFieldsOfStrangersAreReplaced(t *testing.T) {
	r := read(t, "GET / HTTP/1.1", "Host: ws.example.com", "X-Forwarded-For: 10.9.9.9", "X-Forwarded-Proto: https",
		"X-Forwarded-Host: evil.example", "Forwarded: for=10.9.9.9")
	c := newClient(r, &Options{})
	header := r.Header.Clone()
	c.setForwarded(header, r)
	want := http.Header{"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"ws.example.com"}}
	sameHeader(t, header, want)
}

func TestForwardedFieldsOfTrustedProxiesAreContinued(t *testing.T) {
	r := read(t, "GET / HTTP/1.1", "Host: inner", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.1",
		"X-Forwarded-Proto: https", "X-Forwarded-Host: ws.example.com")
	c := newClient(r, trusting(t, "192.0.2.0/24"))
	header := r.Header.Clone()
	c.setForwarded(header, r)
	sameHeader(t, header, http.Header{
		"X-Forwarded-For":   {"203.0.113.9, 198.51.100.1, 192.0.2.1"},
		"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"ws.example.com"},
	})
	if !c.secure {
		t.Error("client behind a TLS proxy: got not secure, want secure")
	}
}

func sameHeader(t *testing.T, got, want http.Header) {
	t.Helper()
	for name := range want {
		if strings.Join(got[name], "|") != strings.Join(want[name], "|") {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
