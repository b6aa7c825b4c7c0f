package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestATrustedProxySaysWhoseARequestIsInTheFieldOfTheConfiguration(t *testing.T) {
	f := func(by ClientHeader, client string, secure bool, nodeGets string, fields ...string) {
		t.Helper()
		o := trusting(t, "192.0.2.0/24")
		o.Headers.Client = by
		r := read(t, append([]string{"GET / HTTP/1.1", "Host: inner"}, fields...)...)
		c := newClient(r, o)
		header := r.Header.Clone()
		c.setForwarded(header, r)
		got := strings.Join([]string{header.Get("X-Forwarded-For"), header.Get("X-Forwarded-Host")}, " ")
		if c.ip.String() != client || c.secure != secure || got != nodeGets {
			t.Errorf("%s, %q: got %v, secure %v, and for the node %q, want %s, %v, %q", by, fields, c.ip, c.secure, got, client, secure, nodeGets)
		}
		r.RemoteAddr = "198.51.100.1:1"
		if c := newClient(r, o); c.ip.String() != "198.51.100.1" || c.secure || c.trusted {
			t.Errorf("%s, %q from a stranger: got %v, secure %v, want the stranger", by, fields, c.ip, c.secure)
		}
	}
	const forged, proto = "X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https"
	f(XRealIP, "203.0.113.9", true, "203.0.113.9, 192.0.2.1 inner", "X-Real-IP: 203.0.113.9", forged, proto)
	f(XRealIP, "192.0.2.1", false, "192.0.2.1 inner", forged)
	f(XRealIP, "192.0.2.1", false, "192.0.2.1 inner", "X-Real-IP: garbage", forged)
	f(CFConnectingIP, "2001:db8::9", true, "2001:db8::9, 192.0.2.1 inner", "CF-Connecting-IP: 2001:db8::9", forged, proto)
	f(XForwardedFor, "203.0.113.9", true, "1.1.1.1, 203.0.113.9, 192.0.2.1 inner", "X-Forwarded-For: 1.1.1.1, 203.0.113.9", "X-Real-IP: 9.9.9.9", proto)
	f(Forwarded, "203.0.113.9", true, "203.0.113.9, 192.0.2.1 ws.example.com", "Forwarded: for=1.1.1.1;proto=http, for=203.0.113.9;proto=https;host=ws.example.com", forged)
	f(Forwarded, "203.0.113.9", false, "203.0.113.9, 192.0.2.1 inner", "Forwarded: FOR=203.0.113.9", proto, "X-Forwarded-Host: evil")
	f(Forwarded, "2001:db8::9", true, "2001:db8::9, 192.0.2.1 inner", `Forwarded: for="[2001:db8::9]:4711"; proto=https, for=192.0.2.7`)
	f(Forwarded, "2001:db8::9", false, "2001:db8::9, 192.0.2.1 inner", `Forwarded: for="[2001:db8::9]"`)
	f(Forwarded, "192.0.2.1", true, "192.0.2.1 inner", "Forwarded: for=203.0.113.9, for=unknown;proto=https")
	f(Forwarded, "192.0.2.1", false, "192.0.2.1 inner", forged, proto)
	f(Forwarded, "203.0.113.9", false, "203.0.113.9, 192.0.2.1 a,b", `Forwarded: host="a,b";for=203.0.113.9`)
}

func TestForwardedIsReadWithItsQuotedStrings(t *testing.T) {
	hops := forwardedHops([]string{`for="a\"b,c;d";proto=https , For=e`, `;;=, host="unended`})
	want := []hop{{from: `a"b,c;d`, proto: "https"}, {from: "e"}, {}, {host: `"unended`}}
	if len(hops) != len(want) {
		t.Fatalf("got %q, want %q", hops, want)
	}
	for i := range want {
		if hops[i] != want[i] {
			t.Errorf("got %q, want %q", hops[i], want[i])
		}
	}
}

func FuzzForwardedNamesNobodyForAStranger(f *testing.F) {
	for _, seed := range []string{"", "for=1.1.1.1", `for="[::1]:1";proto=https`, `for="`, `a="\`, ",;,=", `for=10.0.0.1, for=1.1.1.1`} {
		f.Add(seed)
	}
	o := trusting(f, "10.0.0.0/8")
	o.Headers.Client = Forwarded
	f.Fuzz(func(t *testing.T, forwarded string) {
		for from, proxied := range map[string]bool{"192.0.2.1:1": false, "10.0.0.1:1": true} {
			r := &http.Request{RemoteAddr: from, Header: http.Header{"Forwarded": {forwarded}}}
			ip, trusted := identified(r, o)
			if trusted != proxied || !ip.IsValid() || ip.Is4In6() || ip.Zone() != "" || !proxied && ip.String() != "192.0.2.1" {
				t.Errorf("from %s with %q: got %s, trusted %v", from, forwarded, ip, trusted)
			}
		}
	})
}
