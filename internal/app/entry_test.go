package app_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

func TestAPeerThatSpeaksPROXYProtocolIsNamed(t *testing.T) {
	const (
		v1 = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"
		v2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb"
	)
	named := func(line map[string]any) bool { return strings.Contains(fmt.Sprint(line["msg"]), "PROXY") }
	f := func(what string, s *apptest.Stack, header string, version int) {
		t.Helper()
		for range 3 {
			c, err := net.Dial("tcp", s.Address)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(apptest.Timeout))
			io.WriteString(c, header+"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			io.Copy(io.Discard, c)
			c.Close()
		}
		line := s.Logs.WaitFor(t, "PROXY protocol", named)
		if line["level"] != "warn" || line["version"] != float64(version) || line["address"] != s.Address {
			t.Errorf("%s: got the line %v, want a warning with version %d and the listener", what, line, version)
		}
		if got := s.Metrics(); !strings.Contains(got, "fermata_proxy_headers_refused_total 3\n") {
			t.Errorf("%s: want 3 in the metric", what)
		}
		if s.Logs.HasAny(named) {
			t.Errorf("%s: got a second line, want one a minute", what)
		}
	}
	secure := apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.example"))
	f("v1", apptest.New(t, 1, ""), v1, 1)
	f("v2", apptest.New(t, 1, ""), v2, 2)
	f("v1 before TLS", apptest.New(t, 1, secure), v1, 1)
	f("v2 before TLS", apptest.New(t, 1, secure), v2, 2)
}

func TestWhatOnlyLooksLikePROXYProtocolIsNotNamed(t *testing.T) {
	s := apptest.New(t, 1, "")
	for _, text := range []string{"PROXY", "PROXYING / HTTP/1.1\r\n\r\n", "\r\n\r\nGET /up HTTP/1.0\r\n\r\n", "POST / HTTP/1.0\r\nContent-Length: 6\r\n\r\nPROXY "} {
		c, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(apptest.Timeout))
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
		c.Close()
	}
	if got := s.Metrics(); !strings.Contains(got, "fermata_proxy_headers_refused_total 0\n") {
		t.Error("want 0 in the metric")
	}
}
