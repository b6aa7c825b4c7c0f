package config

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestACookieThatNoBrowserTakesIsAMistake(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "3: sticky.cookie." + want[i]
		}
		wantMistakes(t, required+"sticky: {cookie: {"+text+"}}\n", want...)
	}
	const dropped = ", since browsers drop the cookie otherwise"
	f("name: __Host-fermata, secure: always, domain: example.com", `domain: got "example.com" with a name that begins with __Host-, want none`+dropped)
	f("name: __Host-fermata, secure: always, path: /app", `path: got "/app" with a name that begins with __Host-, want /`+dropped)
	f("name: __Host-fermata", `secure: got "auto" with a name that begins with __Host-, want always`+dropped)
	f("name: __host-fermata, secure: never, domain: example.com, path: /app",
		`secure: got "never" with a name that begins with __host-, want always`+dropped,
		`domain: got "example.com" with a name that begins with __host-, want none`+dropped,
		`path: got "/app" with a name that begins with __host-, want /`+dropped)
	f("name: __Secure-x, secure: never", `secure: got "never" with a name that begins with __Secure-, want always`+dropped)
	f("name: __Http-x", `secure: got "auto" with a name that begins with __Http-, want always`+dropped)
	f("name: __Host-Http-x, secure: always, path: /a", `path: got "/a" with a name that begins with __Host-, want /`+dropped)
	f("name: "+strings.Repeat("x", 4075), "name: got 4075 bytes, want at most 4074"+dropped)
	f("path: /"+strings.Repeat("x", 1024), "path: got 1025 bytes, want at most 1024, since browsers pass over it otherwise")
	f("path: '/app '", `path: got "/app ", want a path that starts with / and has no semicolon`)

	domain := func(value, want string) { t.Helper(); f(fmt.Sprintf("domain: %q", value), "domain: got "+want) }
	for _, wrong := range []string{"-example.com", "example-.com", "example.com.", "exa_mple.com", "a..b", "*.example.com", strings.Repeat("x", 64) + ".com", strings.Repeat("x.", 126) + "com"} {
		domain(wrong, fmt.Sprintf("%q, want a domain such as example.com, or none", wrong))
	}
	for _, address := range []string{"10.0.0.1", ".127.0.0.1"} {
		domain(address, "the address "+address+", want a domain such as example.com, or none, which is the host of the request")
	}
	for _, public := range []string{"localhost", "com", ".com", "co.uk", "CO.UK", "github.io", "herokuapp.com"} {
		domain(public, fmt.Sprintf("%q, below which anybody can have a host, want a domain such as example.com, or none: browsers drop the cookie otherwise", public))
	}
}

func TestACookieThatBrowsersTakeIsValid(t *testing.T) {
	for _, text := range []string{
		"name: __Host-fermata, secure: always", "name: __Secure-fermata, secure: always, domain: example.com, path: /app",
		"name: __Http-x, secure: always", "name: __Hosts, secure: never", "domain: .example.com", "domain: ws.example.co.uk", "domain: a.github.io",
		"domain: reverb.internal", "path: '/a b'", "partitioned: true, same_site: none, secure: always", "partitioned: true, same_site: none",
	} {
		c := mustParse(t, required+"sticky: {cookie: {"+text+"}}\n").Sticky.Cookie
		cookie := http.Cookie{Name: c.Name, Value: "x", Path: c.Path, Domain: c.Domain, Secure: true, Partitioned: c.Partitioned}
		if err := cookie.Valid(); err != nil {
			t.Errorf("%s: got %v, want a cookie that net/http writes in full", text, err)
		}
	}
}
