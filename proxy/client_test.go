package proxy

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"
)

// trusting are options that trust these networks.
func trusting(t testing.TB, networks ...string) *Options {
	t.Helper()
	o := new(Options)
	for _, text := range networks {
		var n Network
		if err := n.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		o.TrustedProxies = append(o.TrustedProxies, n)
	}
	return o
}

// identified is whose request it is taken for.
func identified(r *http.Request, o *Options) (ip netip.Addr, fromProxy bool) {
	c := &client{options: o}
	c.identify(r)
	return c.ip, c.trusted
}

func TestTheClientsAddressComesFromTrustedProxiesAlone(t *testing.T) {
	o := trusting(t, "10.0.0.0/8", "fd00::/8")
	check := func(from string, want string, forwarded ...string) {
		t.Helper()
		r := &http.Request{RemoteAddr: from, Header: http.Header{"X-Forwarded-For": forwarded}}
		if got, _ := identified(r, o); got.String() != want {
			t.Errorf("from %s with %q: got %s, want %s", from, forwarded, got, want)
		}
	}
	check("192.0.2.1:1", "192.0.2.1")
	check("192.0.2.1:1", "192.0.2.1", "203.0.113.9")
	check("10.0.0.1:1", "10.0.0.1")
	check("10.0.0.1:1", "203.0.113.9", "203.0.113.9")
	check("10.0.0.1:1", "203.0.113.9", "1.1.1.1, 203.0.113.9")                       // the first anybody can have written
	check("10.0.0.1:1", "203.0.113.9", "1.1.1.1,203.0.113.9 , 10.0.0.3", "10.0.0.2") // several hops
	check("10.0.0.1:1", "10.0.0.3", "10.0.0.3, 10.0.0.2")                            // trusted ones alone
	check("10.0.0.1:1", "10.0.0.1", "garbage")
	check("10.0.0.1:1", "10.0.0.2", "203.0.113.9, garbage, 10.0.0.2")
	check("10.0.0.1:1", "10.0.0.1", "")
	check("10.0.0.1:1", "10.0.0.1", "203.0.113.9,")
	check("10.0.0.1:1", "203.0.113.9", "203.0.113.9:8080")
	check("10.0.0.1:1", "10.0.0.1", "203.0.113.9:port")
	check("[fd00::1]:1", "2001:db8::9", "2001:db8::9")
	check("[::ffff:10.0.0.1]:1", "203.0.113.9", "::ffff:203.0.113.9")
	check("[fe80::1%eth0]:1", "fe80::1", "203.0.113.9")
	check("@", "invalid IP", "203.0.113.9")
}

func FuzzTheClientsAddressIsNeverAStrangersWord(f *testing.F) {
	for _, seed := range []string{"", "1.1.1.1", "1.1.1.1, 10.0.0.1", ",,", "garbage,::1", "10.0.0.1%x", "::ffff:10.0.0.1", strings.Repeat("10.0.0.1,", 99)} {
		f.Add(seed)
	}
	o := trusting(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, forwarded string) {
		header := http.Header{"X-Forwarded-For": {forwarded}}
		stranger := &http.Request{RemoteAddr: "192.0.2.1:1", Header: header}
		if ip, trusted := identified(stranger, o); trusted || ip != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("from a stranger with %q: got %s", forwarded, ip)
		}
		proxied := &http.Request{RemoteAddr: "10.0.0.1:1", Header: header}
		if ip, trusted := identified(proxied, o); !trusted || !ip.IsValid() || ip.Is4In6() || ip.Zone() != "" {
			t.Errorf("from a proxy with %q: got %s", forwarded, ip)
		}
	})
}

func TestWhatStrangersWriteIntoTheLogIsBounded(t *testing.T) {
	check := func(in, want string) {
		t.Helper()
		if got := cut(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	check("", "")
	check(strings.Repeat("a", 128), strings.Repeat("a", 128))
	check(strings.Repeat("a", 129), strings.Repeat("a", 128)+"…")
	check(strings.Repeat("a", 127)+"é", strings.Repeat("a", 127)+"…")
	if got := cut(strings.Repeat("\xff", 200)); !utf8.ValidString(got) {
		t.Errorf("got %q, want UTF-8", got)
	}
}

func TestAHopWithAPortIsAnAddress(t *testing.T) {
	f := func(hop, want string, ok bool) {
		t.Helper()
		if got, gotOK := hopAddr(hop); gotOK != ok || ok && got.String() != want {
			t.Errorf("%q: got %v, %v, want %s, %v", hop, got, gotOK, want, ok)
		}
	}
	f("192.0.2.1", "192.0.2.1", true)
	f("192.0.2.1:5678", "192.0.2.1", true)
	f("2001:db8::1", "2001:db8::1", true)
	f("[2001:db8::1]:5678", "2001:db8::1", true)
	f("unknown", "", false)
	f("", "", false)
}
