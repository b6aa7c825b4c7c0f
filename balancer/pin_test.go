package balancer

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"fermata/internal/secret"
)

func keyed(secrets ...secret.Text) StickyOptions {
	o := unbounded()
	o.Cookie.Secrets = secrets
	return o
}

func TestACookieIsSignedWithTheFirstSecretAndAcceptedForAll(t *testing.T) {
	newer, older := secret.Text("the newer secret"), secret.Text("the older secret")
	p := New(nodes("a", "b"), keyed(newer, older))
	signs := func(o StickyOptions) string {
		other := New(nodes("b", "a"), o) // another Fermata, in another order
		return other.Pin(node(t, other, "a"))
	}
	if got, want := p.Pin(node(t, p, "a")), signs(keyed(newer)); got != want {
		t.Errorf("got the cookie %q, want the first secret's %q", got, want)
	}
	key := clientOf(t, p, "b")
	accepts := func(value string, want Reason) {
		t.Helper()
		key.Pins = []string{value}
		if pick, _ := p.Explain(key); pick.Reason != want {
			t.Errorf("%q: got reason %s, want %s", value, pick.Reason, want)
		}
	}
	accepts(signs(keyed(newer)), ReasonCookie)
	accepts(signs(keyed(older)), ReasonCookie)
	accepts(signs(keyed("another's secret")), ReasonHash)
	accepts(signs(keyed()), ReasonHash)
}

// A new version that changed these would move every client of the old one.
func TestTheCookieStaysTheSameOverVersions(t *testing.T) {
	same := func(o StickyOptions, want string) {
		t.Helper()
		p := New(nodes("reverb-1"), o)
		if got := p.Pin(node(t, p, "reverb-1")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	same(keyed(), "bI_9gZjz2mH3KwdT1Yi6UQ")
	same(keyed("0123456789abcdef"), "A5ISRGQt1YuBy4aifKEcUQ")
}

func TestACookieTellsNothingAboutItsNode(t *testing.T) {
	p := New(nodes("a", "a-node-with-a-long-name"), keyed("0123456789abcdef"))
	short, long := p.Pin(node(t, p, "a")), p.Pin(node(t, p, "a-node-with-a-long-name"))
	if len(short) != len(long) || strings.Contains(long, "node") {
		t.Errorf("got %q and %q, want the same length and no name", short, long)
	}
}

func TestTheFirstGenuineOfSeveralCookiesCounts(t *testing.T) {
	p := New(nodes("a", "b", "c"), keyed("0123456789abcdef"))
	key := clientOf(t, p, "c")
	key.Pins = []string{"", "forged", p.Pin(node(t, p, "b")), p.Pin(node(t, p, "a"))}
	wantPick(t, p, key, "b", "b", ReasonCookie)
}

func TestTheCookieOfARemovedNodeSelectsNothing(t *testing.T) {
	p := New(nodes("a", "b", "c"), unbounded())
	key := pinned(t, p, client(1), "a")
	pick, release := acquire(t, p, key)
	p.Replace(nodes("b", "c"), unbounded())
	if got, _ := p.Explain(key); got.Pinned || got.Reason != ReasonHash {
		t.Errorf("got %+v, want a pick by the hash", got)
	}
	if got := p.Pin(pick.Node); got != "" {
		t.Errorf("got the cookie %q for a removed node, want none", got)
	}
	release()
	p.Replace(nodes("a", "b", "c"), unbounded())
	wantPick(t, p, key, "a", "a", ReasonCookie)
}

func TestByIPIgnoresCookies(t *testing.T) {
	p := New(nodes("a", "b"), unbounded())
	key := pinned(t, p, clientOf(t, p, "a"), "b")
	wantPick(t, p, key, "b", "b", ReasonCookie)
	byIP := unbounded()
	byIP.By = ByIP
	p.Replace(nodes("a", "b"), byIP)
	wantPick(t, p, key, "a", "a", ReasonHash)
	if got := p.Pin(node(t, p, "a")); got != "" {
		t.Errorf("got the cookie %q, want none", got)
	}
	key.Pins = []string{""} // what Pin says of every node
	wantPick(t, p, key, "a", "a", ReasonHash)
}

// FuzzCookie sends values that strangers might: only a genuine one selects.
func FuzzCookie(f *testing.F) {
	p := New(nodes("a", "b", "c"), keyed("the newer secret", "the older secret"))
	var genuine []string
	for _, name := range []string{"a", "b", "c"} {
		genuine = append(genuine, pinOf("the newer secret", name), pinOf("the older secret", name))
	}
	for _, value := range genuine {
		raw, _ := base64.RawURLEncoding.DecodeString(value)
		f.Add(value)
		f.Add(value + "=")
		f.Add(value[:len(value)-1])
		f.Add(strings.ToUpper(value))
		f.Add(string(raw))
	}
	f.Add("")
	f.Add("a")
	f.Add(pinOf("", "a"))
	f.Add(pinOf("the newer secret", "d"))
	f.Fuzz(func(t *testing.T, value string) {
		key := client(1)
		key.Pins = []string{value}
		pick, err := p.Explain(key)
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Contains(genuine, value); pick.Pinned != want {
			t.Errorf("%q: got pinned %v, want %v", value, pick.Pinned, want)
		}
	})
}
