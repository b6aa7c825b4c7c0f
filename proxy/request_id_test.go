package proxy

import (
	"net/http"
	"strings"
	"testing"
)

const idHeader = "X-Request-Id"

func TestARequestIDIsTakenOverFromTrustedProxiesAlone(t *testing.T) {
	o := trusting(t, "192.0.2.0/24")
	o.Headers = DefaultHeaders()
	f := func(from string, taken bool, given ...string) {
		t.Helper()
		r := read(t, "GET / HTTP/1.1", "Host: a")
		r.RemoteAddr, r.Header[idHeader] = from, given
		c := newClient(r, o)
		id := c.request.String()
		if got := id == strings.Join(given, "|"); got != taken || !isID(id) {
			t.Errorf("from %s with %q: got %q, taken over %v, want %v", from, given, id, got, taken)
		}
		header := r.Header.Clone()
		c.setForwarded(header, r)
		if got := header[idHeader]; len(got) != 1 || got[0] != id {
			t.Errorf("from %s with %q: the node gets %q, want %q", from, given, got, id)
		}
	}
	f("192.0.2.1:1", true, "Root=1-67891233-abcdef012345678912345678")
	f("192.0.2.1:1", true, "7c2b1f0e-aa51-4d9e-8f3a-0123456789ab")
	f("192.0.2.1:1", true, strings.Repeat("a", 64))
	f("192.0.2.1:1", false, strings.Repeat("a", 65))
	f("192.0.2.1:1", false)
	f("192.0.2.1:1", false, "")
	f("192.0.2.1:1", false, "a", "b")
	f("192.0.2.1:1", false, "a b")
	f("192.0.2.1:1", false, "a\"b")
	f("192.0.2.1:1", false, "é")
	f("203.0.113.1:1", false, "a")
}

func TestOwnRequestIDsDiffer(t *testing.T) {
	o := &Options{Headers: DefaultHeaders()}
	r := read(t, "GET / HTTP/1.1", "Host: a")
	seen := map[string]bool{}
	for range 1000 {
		id := newClient(r, o).request.String()
		if len(id) != 16 || seen[id] {
			t.Fatalf("got %q, want 16 characters, other ones each time", id)
		}
		seen[id] = true
	}
}

func TestWithoutAHeaderForItThereIsNoRequestID(t *testing.T) {
	r := read(t, "GET / HTTP/1.1", "Host: a", "X-Request-Id: the client's")
	c := newClient(r, new(Options))
	header := r.Header.Clone()
	c.setForwarded(header, r)
	if c.request != (requestID{}) || header.Get(idHeader) != "the client's" {
		t.Errorf("got the id %q, header %v, want none and the client's own", c.request, header)
	}
}

// A reload can take the header away while the client stays, whose session then moves.
func TestAnIDWithoutAHeaderForItIsNotSent(t *testing.T) {
	c := newClient(read(t, "GET / HTTP/1.1", "Host: a"), &Options{Headers: DefaultHeaders()})
	c.options = new(Options)
	r := read(t, "GET / HTTP/1.1", "Host: a", "Upgrade: websocket")
	if head := string(upgradeHead(r, c)); strings.Contains(head, c.request.String()) {
		t.Errorf("got %q, want no id in it", head)
	}
}

func TestAClientCannotStripTheRequestID(t *testing.T) {
	r := read(t, "GET / HTTP/1.1", "Host: a", "Connection: Upgrade, X-Request-Id", "Upgrade: websocket")
	c := newClient(r, &Options{Headers: DefaultHeaders()})
	if head := string(upgradeHead(r, c)); !strings.Contains(head, "\r\n"+idHeader+": "+c.request.String()+"\r\n") {
		t.Errorf("got %q, want the id in it", head)
	}
}

func TestANameForAHeaderIsMadeCanonical(t *testing.T) {
	var n HeaderName
	if err := n.UnmarshalText([]byte("x-fermata-Node")); err != nil || n != HeaderName(http.CanonicalHeaderKey("x-fermata-node")) {
		t.Errorf("got %q, %v", n, err)
	}
	if err := n.UnmarshalText(nil); err != nil || n != "" {
		t.Errorf("none: got %q, %v", n, err)
	}
}

func TestAnIDHasLettersDigitsAndSomeSigns(t *testing.T) {
	const allowed = "._-+/=:@~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for b := range 256 {
		if got, want := isIDByte(byte(b)), strings.IndexByte(allowed, byte(b)) >= 0; got != want {
			t.Errorf("%q: got %v, want %v", byte(b), got, want)
		}
	}
}
