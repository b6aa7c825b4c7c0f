package proxy

import "testing"

func TestPagesOfAllowedHostsAloneMayUpgrade(t *testing.T) {
	allowed := []OriginHost{"good.example", "*.fine.example", "192.0.2.1", "[::1]"}
	f := func(origin string, want bool) {
		t.Helper()
		if got := allowsOrigin(allowed, []string{origin}); got != want {
			t.Errorf("%q: got %v, want %v", origin, got, want)
		}
	}
	f("https://good.example", true)
	f("http://good.example:8000", true)
	f("https://GOOD.example", true)
	f("https://a.fine.example", true)
	f("https://b.a.fine.example", true)
	f("http://192.0.2.1", true)
	f("http://[::1]:3000", true)
	f("https://fine.example", false)
	f("https://evil.example", false)
	f("https://notgood.example", false)
	f("https://good.example.evil.example", false)
	f("https://notfine.example", false)
	f("https://evil.example/good.example", false)
	f("https://good.example@evil.example", false)
	f("null", false)
	f("file://", false)
	f("", false)
	f("good.example", false)
	f("https://%zz", false)
	if !allowsOrigin(allowed, nil) || !allowsOrigin(nil, []string{"https://evil.example"}) {
		t.Error("got a refusal without an Origin or without a list, want none")
	}
	if allowsOrigin(allowed, []string{"https://good.example", "https://evil.example"}) {
		t.Error("got two Origins taken, want a refusal")
	}
}

func TestAnAllowedOriginIsAHost(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var h OriginHost
		if err := h.UnmarshalText([]byte(text)); (err == nil) != (want != "") || string(h) != want {
			t.Errorf("%q: got %q, %v, want %q", text, h, err, want)
		}
	}
	f("Good.Example", "good.example")
	f("*.fine.example", "*.fine.example")
	f("localhost", "localhost")
	f("192.0.2.1", "192.0.2.1")
	f("[::1]", "[::1]")
	f("", "")
	f("*", "")
	f("a.*.example", "")
	f("https://good.example", "")
	f("good.example:443", "")
	f("-a.example", "")
}
