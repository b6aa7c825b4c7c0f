package arrival

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"testing"
)

func TestAClientWhoseAddressIsDeniedDoesNotComeIn(t *testing.T) {
	var turned []netip.Addr
	e := &Entry{
		Denied: func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") },
		Refused: func(client netip.Addr, why error) {
			if !errors.Is(why, ErrDenied) {
				t.Errorf("got %v, want %v", why, ErrDenied)
			}
			turned = append(turned, client)
		},
	}
	if conn := e.Enter(&wired{}); conn != nil || len(turned) != 1 || turned[0].String() != "10.0.0.1" {
		t.Errorf("got %v and %v, want no connection and the client told", conn, turned)
	}
}

func TestOfAProxyItsClientIsDeniedAndNotTheProxy(t *testing.T) {
	denied := netip.MustParsePrefix("203.0.113.0/24")
	f := func(first string, want bool) {
		t.Helper()
		told := 0
		e := &Entry{
			Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
			Denied:  func(a netip.Addr) bool { return denied.Contains(a) || a.String() == "10.0.0.1" },
			Refused: func(netip.Addr, error) { told++ },
		}
		under := &wired{parts: []string{first + "rest"}, end: io.EOF}
		got, err := io.ReadAll(e.Enter(under))
		if (err != nil) != want || under.closed != want || (told == 1) != want || (string(got) == "rest") == want {
			t.Errorf("%q: got %q, %v, closed %v, told %d, want denied %v", first, got, err, under.closed, told, want)
		}
	}
	f(line, true)
	f("PROXY TCP4 198.51.100.7 192.0.2.2 56324 443\r\n", false)
	f(v2local, false) // a check of the load balancer itself
}

func TestAHeaderFromAPeerThatIsNoProxyIsToldAndPassesAsItIs(t *testing.T) {
	version := 0
	e := &Entry{Unexpected: func(_ netip.Addr, v int) { version = v }}
	c := e.Enter(&wired{parts: []string{v2client}, end: io.EOF}).(*Conn)
	if got, err := io.ReadAll(c); err != nil || string(got) != v2client || version != 2 || c.header.client.IsValid() {
		t.Errorf("got %q, %v, version %d, client %v, want it as it is, version 2 and no client", got, err, version, c.header.client)
	}
}

func TestTheConnectionOfARequestIsFoundBelowTLS(t *testing.T) {
	c := (&Entry{}).Enter(&wired{}).(*Conn)
	if got := Of(Note(context.Background(), tls.Server(c, nil))); got != c {
		t.Errorf("got %v, want the connection", got)
	}
	if got := Of(Note(context.Background(), &wired{})); got != nil || got.From().IsValid() || !got.Secure(true) {
		t.Errorf("got %v, want none", got)
	}
}

func TestAConnectionIsFromWhomItsHeaderNamesOrElseFromItsPeer(t *testing.T) {
	f := func(first, want string) {
		t.Helper()
		c := (&Entry{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}).Enter(&wired{parts: []string{first + "rest"}, end: io.EOF}).(*Conn)
		io.ReadAll(c)
		if got := c.From().String(); got != want {
			t.Errorf("%q: got %s, want %s", first, got, want)
		}
	}
	f(v2local, "10.0.0.1")
	f("PROXY TCP4 198.51.100.7 192.0.2.2 56324 443\r\n", "198.51.100.7")
}
