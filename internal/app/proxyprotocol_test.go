package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

const (
	proxyLine   = "PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\r\n"
	proxyV2     = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x02\xdc\x04\x01\xbb"
	proxyV2TLS  = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x14\xcb\x00\x71\x07\xc0\x00\x02\x02\xdc\x04\x01\xbb\x20\x00\x05\x01\x00\x00\x00\x00"
	proxyLocal  = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	proxyListen = "listen: [{address: '127.0.0.1:0', proxy_protocol: [127.0.0.1]}]\n"
)

func TestBehindAProxyWithPROXYProtocolAClientHasItsOwnAddress(t *testing.T) {
	plain := apptest.New(t, 1, proxyListen)
	secure := apptest.New(t, 1, strings.Replace(apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.example")),
		"tls:", "proxy_protocol: [127.0.0.0/8]\n    tls:", 1))
	f := func(s *apptest.Stack, header, client string, tls bool) {
		t.Helper()
		w := upgraded(s, header, s == secure)
		if r, _ := w.Answer(); r.StatusCode != 101 || len(r.Cookies()) != 1 || r.Cookies()[0].Secure != tls {
			t.Fatalf("%q: got %d with %v, want 101 and a cookie, secure: %v", header, r.StatusCode, r.Cookies(), tls)
		}
		w.Frame()
		w.Close()
		line := s.Logs.Wait(t, "client closed")
		if line["client"] != client || line["secure"] != tls {
			t.Errorf("%q: got client %v, secure %v, want %s, %v", header, line["client"], line["secure"], client, tls)
		}
	}
	f(plain, proxyLine, "203.0.113.7", false)
	f(plain, proxyV2, "203.0.113.7", false)
	f(plain, proxyV2TLS, "203.0.113.7", true)
	f(plain, proxyLocal, "127.0.0.1", false)
	f(secure, proxyLine, "203.0.113.7", true)
	f(secure, proxyV2TLS, "203.0.113.7", true)
}

// upgraded is a client that has sent the header and an upgrade after it.
func upgraded(s *apptest.Stack, header string, secure bool) *apptest.Wire {
	s.T.Helper()
	w := s.Wire(header)
	if secure {
		w.Secure(&tls.Config{InsecureSkipVerify: true})
	}
	w.Send(apptest.WireUpgrade + "\r\n")
	return w
}

func TestANodeIsToldTheAddressThatPROXYProtocolNames(t *testing.T) {
	heads := make(chan string, 10)
	url := apptest.FakeNode(t, func(c net.Conn, head string) {
		heads <- head
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	s := apptest.NewFront(t, []string{url}, proxyListen)
	if r, _ := s.Wire(proxyV2TLS + "GET /apps HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n").Answer(); r.StatusCode != 200 {
		t.Fatalf("got %d, want 200", r.StatusCode)
	}
	head := <-heads
	for !strings.HasPrefix(head, "GET /apps ") { // a check
		head = <-heads
	}
	for _, want := range []string{"X-Forwarded-For: 203.0.113.7\r\n", "X-Forwarded-Proto: https\r\n"} {
		if !strings.Contains(head, want) {
			t.Errorf("got %q, want %q in it", head, want)
		}
	}
}

func TestAProxyThatSendsNoProperHeaderInTimeIsClosedAloneAndCounted(t *testing.T) {
	s := apptest.New(t, 1, proxyListen+"timeouts: {header: 200ms}\n")
	s.Wire("").Ended() // as a load balancer's own checks are
	for i, sent := range []string{apptest.WireUpgrade + "\r\n", "PROXY TCP4 203", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"} {
		s.Wire(sent).Ended()
		s.WaitMetric(`fermata_connections_refused_total{reason="proxy_header"} ` + string('1'+rune(i)))
	}
	if lines := s.Logs.All("proxy's connection closed: no proper header of the PROXY protocol"); len(lines) != 1 || lines[0]["peer"] != "127.0.0.1" {
		t.Errorf("got %v, want one line with the peer", lines)
	}
	w := s.Wire(proxyLine + apptest.WireUpgrade + "\r\n")
	if r, _ := w.Answer(); r.StatusCode != 101 {
		t.Errorf("got %d, want 101 for a proper header", r.StatusCode)
	}
}

func TestAPeerThatIsNoProxyIsAClientItself(t *testing.T) {
	s := apptest.New(t, 1, strings.Replace(proxyListen, "127.0.0.1]", "192.0.2.0/24]", 1))
	s.Dial().Answers()
	s.Wire(proxyLine + "GET / HTTP/1.1\r\nHost: a\r\n\r\n").Answer()
	line := s.Logs.WaitFor(t, "PROXY protocol", func(line map[string]any) bool { return line["version"] == float64(1) })
	if !strings.Contains(line["msg"].(string), "proxy_protocol") {
		t.Errorf("got %v, want the option to be named", line)
	}
}
