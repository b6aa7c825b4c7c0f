package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"fermata/internal/lab/devnode"
	"fermata/proxy/session"
)

// upgradeTo is a client's request for a WebSocket of the known app.
func upgradeTo(t *testing.T, target string, fields ...string) *sessionClient {
	t.Helper()
	r := read(t, append([]string{"GET " + target + " HTTP/1.1", "Host: ws.example.com", "Connection: Upgrade", "Upgrade: websocket"}, fields...)...)
	return newSessionClient(r, &Options{Apps: []session.App{{ID: "other", Key: "other"}, knownApp}})
}

const appTarget = "/app/" + devnode.DefaultAppKey

func TestAClientOfAKnownAppWhoseRequestCanBeKeptHasASession(t *testing.T) {
	f := func(what string, want bool, s *sessionClient) {
		t.Helper()
		if (s != nil) != want {
			t.Errorf("%s: got a session %v, want %v", what, s != nil, want)
		}
	}
	longest := appTarget + "?" + strings.Repeat("x", mostKept-len(appTarget)-1)
	f("usual", true, upgradeTo(t, appTarget))
	f("unknown", false, upgradeTo(t, "/app/unknown"))
	f("the longest target", true, upgradeTo(t, longest))
	f("a longer one", false, upgradeTo(t, longest+"x"))
	f("the longest origin", true, upgradeTo(t, appTarget, "Origin: "+strings.Repeat("x", mostKept)))
	f("a longer origin", false, upgradeTo(t, appTarget, "Origin: "+strings.Repeat("x", mostKept+1)))
	plain := read(t, "GET "+appTarget+" HTTP/1.1", "Host: a")
	f("no upgrade", false, newSessionClient(plain, &Options{Apps: []session.App{knownApp}}))
}

func TestTheNextNodeIsAskedAsTheClientHasAskedTheFirst(t *testing.T) {
	const target, origin = appTarget + "?protocol=7&client=js", "https://app.example.com"
	r := upgradeTo(t, target, "Origin: "+origin).again()
	if status, wrong := checkUpgrade(r); status != 0 {
		t.Errorf("got %d %s, want an upgrade that a node takes", status, wrong)
	}
	if requestTarget(r) != target || r.URL.String() != target || r.Host != "ws.example.com" || r.Header.Get("Origin") != origin {
		t.Errorf("got %s, %s, %s and %v, want what the client has asked", requestTarget(r), r.URL, r.Host, r.Header)
	}
	if r := upgradeTo(t, target).again(); r.Header["Origin"] != nil {
		t.Errorf("got the origin %q, want none", r.Header["Origin"])
	}
}

func TestTheNextNodeIsToldTheAddressOfAnIPv6Client(t *testing.T) {
	s := upgradeTo(t, appTarget)
	s.ip = netip.MustParseAddr("2001:db8::1")
	r := s.again()
	const want = "\r\nX-Forwarded-For: 2001:db8::1\r\n"
	if head := upgradeHead(r, newClient(r, s.options)); !strings.Contains(string(head), want) {
		t.Errorf("got %q, want %q in it", head, want)
	}
}
