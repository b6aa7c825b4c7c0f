package arrival

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

const (
	line     = "PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\r\n"
	v2       = "\r\n\r\n\x00\r\nQUIT\n"
	v2client = v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x02\xdc\x04\x01\xbb"
	v2local  = v2 + "\x20\x00\x00\x00"
)

// withSSL is a header of version 2 whose client has used TLS, or not.
func withSSL(client byte) string {
	field := "\x20\x00\x05" + string(client) + "\x00\x00\x00\x01"
	return v2 + "\x21\x11\x00\x14\xcb\x00\x71\x07\xc0\x00\x02\x02\xdc\x04\x01\xbb" + field
}

// wired is a connection that gets these parts, one a read.
type wired struct {
	net.Conn
	parts  []string
	end    error
	closed bool
}

func (w *wired) Read(b []byte) (int, error) {
	if w.closed {
		return 0, net.ErrClosed
	}
	if len(w.parts) == 0 {
		return 0, w.end
	}
	n := copy(b, w.parts[0])
	if w.parts[0] = w.parts[0][n:]; w.parts[0] == "" {
		w.parts = w.parts[1:]
	}
	return n, nil
}

func (w *wired) Close() error {
	w.closed = true
	return nil
}

func (w *wired) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 4000} }

// enter is a connection of a proxy, and what is told of it.
func enter(t *testing.T, parts ...string) (c *Conn, under *wired, turned *[]error) {
	t.Helper()
	turned = new([]error)
	e := &Entry{
		Proxies:    []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Refused:    func(_ netip.Addr, why error) { *turned = append(*turned, why) },
		Unexpected: func(netip.Addr, int) { t.Error("got a header that is not expected, want one that is") },
	}
	under = &wired{parts: parts, end: io.EOF}
	return e.Enter(under).(*Conn), under, turned
}

func TestAHeaderSaysWhoseTheConnectionIsAndIsNotRead(t *testing.T) {
	f := func(header, client string, secure, over bool) {
		t.Helper()
		whole := header + "GET / HTTP/1.1\r\n\r\n"
		bytewise := strings.Split(whole, "")
		for _, parts := range [][]string{{whole}, {header, "GET / HTTP/1.1\r\n\r\n"}, bytewise, {whole[:14], whole[14:]}, {whole[:len(header)-1], whole[len(header)-1:]}} {
			c, _, turned := enter(t, parts...)
			got, err := io.ReadAll(c)
			if err != nil || string(got) != "GET / HTTP/1.1\r\n\r\n" || len(*turned) > 0 {
				t.Fatalf("%q in %d parts: got %q, %v, %v, want the request", header, len(parts), got, err, *turned)
			}
			var want netip.Addr
			if client != "" {
				want = netip.MustParseAddr(client)
			}
			if c.header.client != want || c.Secure(over) != secure {
				t.Errorf("%q: got client %v, secure %v, want %v, %v", header, c.header.client, c.Secure(over), want, secure)
			}
			if c.held != nil {
				t.Errorf("%q: %d bytes are still held", header, len(c.held))
			}
		}
	}
	f(line, "203.0.113.7", false, false)
	f(line, "203.0.113.7", true, true)
	f("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "2001:db8::7", false, false)
	f("PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 56324 443\r\n", "203.0.113.7", false, false)
	f("PROXY UNKNOWN\r\n", "", false, false)
	f("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", false, false)
	f(v2client, "203.0.113.7", false, false)
	f(v2local, "", false, false)
	f(withSSL(1), "203.0.113.7", true, false)
	f(withSSL(0), "203.0.113.7", false, true)
	f(v2+"\x21\x31\x00\xd8"+strings.Repeat("/", 216), "", false, false) // a Unix socket
	f(v2+"\x21\x11\x0f\xf0"+v2client[16:]+"\xe0\x0f\xe1"+strings.Repeat("x", 0xfe1), "203.0.113.7", false, false)
}

func TestAProxyWithoutAProperHeaderIsClosed(t *testing.T) {
	f := func(sent string, want error) {
		t.Helper()
		for _, parts := range [][]string{{sent}, strings.Split(sent, "")} {
			c, under, turned := enter(t, parts...)
			got, err := io.ReadAll(c)
			var read *net.OpError // http.Server answers nothing on this
			if len(got) > 0 || !errors.As(err, &read) || read.Op != "read" || !under.closed {
				t.Errorf("%.60q: got %q, %v, closed %v, want an error of reading and a closed connection", sent, got, err, under.closed)
			}
			if len(*turned) != 1 || want != nil && !errors.Is((*turned)[0], want) {
				t.Errorf("%.60q: was told %v, want one %v", sent, *turned, want)
			}
			if len(c.held) > 0 {
				t.Errorf("%.60q: %d bytes are still held", sent, len(c.held))
			}
		}
	}
	f("GET / HTTP/1.1\r\nHost: a\r\n\r\n", errNone)
	f("\x16\x03\x01\x02\x00\x01", errNone)
	f("PROXYING\r\n", errNone)
	f("PROXY TCP4 203.0.113.7 192.0.2.2 56324\r\n", nil)
	f("PROXY TCP4 203.0.113.777 192.0.2.2 56324 443\r\n", nil)
	f("PROXY TCP4 2001:db8::7 2001:db8::1 56324 443\r\n", nil)
	f("PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\n", nil)
	f("PROXY UNKNOWN "+strings.Repeat("x", 94), errLong)
	f("PROXY TCP4 203.", errPartial)
	f(v2+"\x21", errPartial)
	f(v2+"\x21\x11\xff\xff", errLong)
	f(v2+"\x31\x11\x00\x0c"+v2client[16:], nil)       // version 3
	f(v2+"\x21\x11\x00\x04\xcb\x00\x71\x07", nil)     // half of the addresses
	f(v2+"\x21\x12\x00\x0c"+v2client[16:], errFamily) // UDP
	f(v2+"\x21\x11\x00\x0f"+v2client[16:]+"\x20\x00\x05", proxyproto.ErrTruncatedTLV)
}

func TestAConnectionThatSaysNothingIsNoMistake(t *testing.T) {
	c, _, turned := enter(t)
	if n, err := c.Read(make([]byte, 10)); n != 0 || err != io.EOF || len(*turned) > 0 {
		t.Errorf("got %d, %v, %v, want the end and nothing told", n, err, *turned)
	}
}

func FuzzHeader(f *testing.F) {
	for _, seed := range []string{line, v2client, v2local, withSSL(1), "PROXY UNKNOWN\r\n", "GET / HTTP/1.1\r\n\r\n"} {
		f.Add(seed+"rest", 3)
	}
	f.Fuzz(func(t *testing.T, sent string, cut int) {
		cut = max(1, min(cut, len(sent)))
		whole, _, _ := enter(t, sent)
		parts, _, _ := enter(t, sent[:min(cut, len(sent))], sent[min(cut, len(sent)):])
		one, errOne := io.ReadAll(whole)
		other, errOther := io.ReadAll(parts)
		if string(one) != string(other) || (errOne == nil) != (errOther == nil) || whole.header != parts.header {
			t.Errorf("%q cut at %d: got %q, %v, %v and %q, %v, %v, want the same", sent, cut, one, errOne, whole.header, other, errOther, parts.header)
		}
		if len(parts.held) > 0 && parts.begun {
			t.Errorf("%q: %d bytes are held after the header", sent, len(parts.held))
		}
	})
}
