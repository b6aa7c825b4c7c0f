package proxy

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/proxy/moves"
)

const goodKey = "dGhlIHNhbXBsZSBub25jZQ=="

// goodUpgrade is a browser's request.
var goodUpgrade = strings.Join([]string{
	"GET /app/key?protocol=7 HTTP/1.1", "Host: ws.example.com", "Connection: keep-alive, Upgrade", "Upgrade: WebSocket",
	"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + goodKey, "Origin: https://app.example.com",
}, "\n")

func TestUpgradesAreCheckedAsTheRFCWants(t *testing.T) {
	check := func(old, new string, want int) {
		t.Helper()
		r := read(t, strings.Split(strings.Replace(goodUpgrade, old, new, 1), "\n")...)
		got, wrong := checkUpgrade(r)
		if got != want || (wrong == "") != (want == 0) {
			t.Errorf("%q instead of %q: got %d %q, want %d", new, old, got, wrong, want)
		}
	}
	check("", "", 0)
	check("HTTP/1.1", "HTTP/1.0", http.StatusHTTPVersionNotSupported)
	check("GET", "POST", http.StatusMethodNotAllowed)
	check("Connection: keep-alive, Upgrade\n", "", http.StatusBadRequest)
	check("keep-alive, Upgrade", "close", http.StatusBadRequest)
	check("keep-alive, Upgrade", "keep-alive\nConnection: upgrade", 0)
	check("keep-alive, Upgrade", "Upgrade, Sec-WebSocket-Key", http.StatusBadRequest)
	check("keep-alive, Upgrade", "Upgrade, sec-websocket-version", http.StatusBadRequest)
	check("keep-alive, Upgrade", "Upgrade\nConnection: Sec-WebSocket-Protocol", http.StatusBadRequest)
	check("keep-alive, Upgrade", "Upgrade, Origin", http.StatusBadRequest)
	check("keep-alive, Upgrade", "Upgrade,HOST", http.StatusBadRequest)
	check("keep-alive, Upgrade", "Upgrade, X-Anything", 0)
	check("Version: 13", "Version: 8", http.StatusUpgradeRequired)
	check("Sec-WebSocket-Version: 13\n", "", http.StatusUpgradeRequired)
	check("Sec-WebSocket-Key: "+goodKey+"\n", "", http.StatusBadRequest)
	check(goodKey, goodKey+"\nSec-WebSocket-Key: "+goodKey, http.StatusBadRequest)
	check(goodKey, "dG9vIHNob3J0", http.StatusBadRequest)
	check(goodKey, "not base64", http.StatusBadRequest)
	check("Origin: https://app.example.com", "Content-Length: 4", http.StatusBadRequest)
	check("Origin: https://app.example.com", "Transfer-Encoding: chunked", http.StatusBadRequest)
	check("Origin: https://app.example.com", "Content-Length: 0", 0)
}

func TestTheAcceptKeyIsTheRFCsExample(t *testing.T) {
	if got, want := acceptKey(goodKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What a node gets must be one well-formed upgrade, whatever came in, with the fields
// that a plain request would have.
func FuzzAnUpgradeReachesTheNodeAsOne(f *testing.F) {
	f.Add(goodUpgrade)
	f.Add(strings.Replace(goodUpgrade, "/app", "http://a//app", 1))
	f.Add(goodUpgrade + "\nX-Forwarded-For: ::1, x\nConnection: Host, Cookie\nCookie: fermata=1; fermata=2\nExpect: 100-continue\nTe: x")
	f.Add(goodUpgrade + "\nVia: 1.0 a\nConnection: X-One, x-two\nX-One: 1\nX-Two: 2\nX_Forwarded-For: 3\nX-Request-Id: 4\nX-Real-Ip: 5")
	f.Add(goodUpgrade + "\nTransfer-Encoding: chunked\nTrailer: A\nContent-Length: 3\n\nabc")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil || !wantsUpgrade(r) {
			return
		}
		if status, _ := checkUpgrade(r); status != 0 {
			return
		}
		c := newClient(r, &Options{Headers: DefaultHeaders(), via: newVia()})
		rest := bufio.NewReader(strings.NewReader(string(upgradeHead(r, c))))
		got, err := http.ReadRequest(rest)
		if err != nil || rest.Buffered() != 0 {
			t.Fatalf("%q: node got a request that cannot be read: %v, %d bytes behind it", text, err, rest.Buffered())
		}
		if got.Host != r.Host || got.RequestURI != requestTarget(r) || got.ContentLength != 0 {
			t.Errorf("%q: node got %v", text, got)
		}
		want := r.Header.Clone()
		stripHopByHop(want)
		c.setForwarded(want, r)
		want["Connection"], want["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
		sameHeader(t, got.Header, want)
	})
}

func TestOnlyAClientThatWasThereForAWhileComesBackAtOnce(t *testing.T) {
	check := func(nodes int, age time.Duration, want int) {
		t.Helper()
		h := handlerOf(poolOf(nodes))
		pick, err := h.pool.Acquire(balancer.Key{})
		if err != nil {
			t.Fatal(err)
		}
		defer pick.Release()
		c := &client{pick: pick, live: moves.Client{Since: time.Now().Add(-age)}}
		if got := h.lost(c); got.Code != want || got.By != "node_lost" {
			t.Errorf("%d nodes, connected for %s: got %d by %s, want %d", nodes, age, got.Code, got.By, want)
		}
	}
	check(2, time.Minute, 4200)
	check(2, 0, 4100)
	check(1, time.Minute, 4100)
}

func TestClientsOfALostNodeAreHeldLongerWhileNobodyElseIsThere(t *testing.T) {
	check := func(nodes int, want time.Duration) {
		t.Helper()
		h := handlerOf(poolOf(nodes))
		h.change(func(o *Options) { o.Limits = Limits{UpgradesPerSecond: 100} })
		pick, err := h.pool.Acquire(balancer.Key{})
		if err != nil {
			t.Fatal(err)
		}
		defer pick.Release()
		for _, n := range h.pool.Nodes() {
			h.pool.SetCheck(n.Name, balancer.Check{Reason: "dial refused", Gone: true})
		}
		longest := time.Duration(0)
		for range 200 {
			longest = max(longest, h.lost(&client{pick: pick}).After)
		}
		if longest < want-2*slotLength || longest > want {
			t.Errorf("of %d nodes: got the last of 200 clients held for %v, want a little less than %v", nodes, longest, want)
		}
	}
	check(1, 2*time.Second)
	check(5, 800*time.Millisecond)
}

func TestAClientThatLeavesWhileItWaitsForANodeIsNotTheNodesFailure(t *testing.T) {
	h := handlerOf(poolOf(1))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	u := &upgrade{client: &client{options: &Options{Limits: Limits{UpgradesPerSecond: 1}}}, h: h, r: read(t, "GET / HTTP/1.1", "Host: a").WithContext(gone), by: inTime()}
	_, err := u.tryWhileUp(h.pool.Nodes()[0].Node)
	if got := result(nil, err); got != "client_gone" {
		t.Errorf("got %s for %v, want client_gone", got, err)
	}
}
