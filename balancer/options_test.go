package balancer

import (
	"testing"
	"time"
)

func TestANodesURLIsAHostAndAPort(t *testing.T) {
	reads := func(text, want string) {
		t.Helper()
		var u URL
		if err := u.UnmarshalText([]byte(text)); err != nil || u.Host != want {
			t.Errorf("%s: got %q and %v, want %q", text, u.Host, err, want)
		}
		written, _ := u.MarshalText()
		var again URL
		if err := again.UnmarshalText(written); err != nil || again != u {
			t.Errorf("%s: got %v and %v when read again, want %v", written, again, err, u)
		}
	}
	reads("http://10.0.0.1:8080", "10.0.0.1:8080")
	reads("http://reverb-1", "reverb-1:80")
	reads("http://reverb-1:8080/", "reverb-1:8080")
	reads("http://[::1]:8080", "[::1]:8080")
	reads("http://[::1]", "[::1]:80")
	reads("https://reverb-1", "reverb-1:443")
	reads("https://reverb-1:80", "reverb-1:80")
}

func TestANodesURLHasNothingElse(t *testing.T) {
	for _, text := range []string{
		"", "reverb-1:8080", "10.0.0.1:8080", "ws://a:1", "https:/a", "https://a/app", "http://", "http://:8080", "http://a:b",
		"http://a/app", "http://a?x=1", "http://a?", "http://a#x", "http://user:password@a", "http:a", "http://a b",
	} {
		var u URL
		if err := u.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %+v, want an error", text, u)
		}
	}
}

func TestANodeWeighsOneWhenNothingIsSaid(t *testing.T) {
	var o NodeOptions
	o.SetDefaults()
	if o.Weight != 1 {
		t.Errorf("got weight %d, want 1", o.Weight)
	}
}

func TestACookieLastsForADayWhenNothingIsSaid(t *testing.T) {
	if got := DefaultSticky().Cookie.MaxAge; got != 24*time.Hour {
		t.Errorf("got %v, want a day", got)
	}
}

func TestANodesHostIsAnAddressOrAName(t *testing.T) {
	f := func(hostPort, wantName string, wantPort uint16) {
		t.Helper()
		host, port, ok := URL{Host: hostPort}.Name()
		if host != wantName || port != wantPort || ok != (wantName != "") {
			t.Errorf("%s: got %q, %d, %v, want %q and %d", hostPort, host, port, ok, wantName, wantPort)
		}
	}
	f("reverb-1:8080", "reverb-1", 8080)
	f("10.0.0.1:8080", "", 0)
	f("[::1]:8080", "", 0)
}
