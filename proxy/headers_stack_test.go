package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestARequestIDReachesTheNodeAndStandsInTheLog(t *testing.T) {
	s := apptest.New(t, 1, "no_usable_node: \"503\"\n")
	const forged = "X-Request-Id: forged\r\n"
	w := s.Wire(apptest.WireUpgrade + forged + "\r\n")
	w.Answer()
	w.Frame()
	w.Close()
	id := s.Logs.Wait(t, "client closed")["request"].(string)
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.WirePath).Header, map[string]string{"X-Request-Id": id})
	if id == "forged" || len(id) != 16 {
		t.Errorf("got the id %q, want one of our own", id)
	}

	s.Ask("GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + forged)
	if got := s.Nodes[0].LastRequest("/up").Header["X-Request-Id"]; len(got) != 1 || len(got[0]) != 16 || got[0] == id {
		t.Errorf("plain: the node got %q, want one id of its own", got)
	}

	s.Ask(strings.Replace(apptest.WireUpgrade, "Version: 13", "Version: 8", 1))
	wantID(t, s.Logs.Wait(t, "client refused"))
	s.Nodes[0].Kill()
	s.Ask(apptest.WireUpgrade)
	wantID(t, s.Logs.Wait(t, "clients turned away"))
	s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n")
	wantID(t, s.Logs.Wait(t, "request failed"))
}

func wantID(t *testing.T, line map[string]any) {
	t.Helper()
	if id, _ := line["request"].(string); len(id) != 16 {
		t.Errorf("got the line %v, want a request's id in it", line)
	}
}

func TestATrustedProxysRequestIDStays(t *testing.T) {
	s := apptest.New(t, 1, "trusted_proxies: [127.0.0.1]\nheaders: {request_id: x-amzn-trace-id}\n")
	const id = "Root=1-67891233-abcdef012345678912345678"
	w := s.Wire(apptest.WireUpgrade + "X-Amzn-Trace-Id: " + id + "\r\nX-Request-Id: 7\r\n\r\n")
	w.Answer()
	w.Close()
	if got := s.Logs.Wait(t, "client closed")["request"]; got != id {
		t.Errorf("log: got %v, want %s", got, id)
	}
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.WirePath).Header, map[string]string{"X-Amzn-Trace-Id": id, "X-Request-Id": "7"})
}

// A node must get what it would take without Fermata in front.
func TestAnUpgradeThatANodeTakesAloneIsNotTooLargeWithOurFields(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	check := func(size, want int) {
		t.Helper()
		request := apptest.WireUpgrade + "Cookie: a="
		request += strings.Repeat("x", size-len(request)-len("\r\n\r\n")) + "\r\n"
		r, body := s.Ask(request)
		got := len(s.Nodes[0].LastRequest(apptest.WirePath).Raw)
		if r.StatusCode != want || want == 101 && got < size {
			t.Errorf("of %d bytes: got %d %s with %d bytes at the node, want %d", size, r.StatusCode, body, got, want)
		}
	}
	for size := 9_999 - 130; size <= 9_999; size += 10 {
		check(size, 101)
	}
	check(9_999, 101)
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.WirePath).Header, map[string]string{"X-Request-Id": "", "X-Forwarded-For": ""})
	check(10_000, 431)
	check(9_999-60, 101)
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.WirePath).Header, map[string]string{"X-Request-Id": "", "X-Forwarded-For": "127.0.0.1"})
}

func TestASignedPostThatANodeTakesAloneIsNotTooLargeWithOurFields(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	check := func(size int, want int) {
		t.Helper()
		post := func(data int) string {
			body := `{"name":"shipped","channel":"orders","data":"` + strings.Repeat("x", data) + `"}`
			return apptest.SignedPost(body) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
		}
		request := post(size - len(post(1000)) + 1000)
		if len(request) != size {
			t.Fatalf("the test's own request: got %d bytes, want %d", len(request), size)
		}
		if r, body := s.Wire(request).Answer(); r.StatusCode != want {
			t.Errorf("of %d bytes: got %d %s, want %d", size, r.StatusCode, body, want)
		}
	}
	for size := 9_999 - 130; size <= 9_999; size += 10 {
		check(size, 200)
	}
	check(9_999, 200)
	if got := len(s.Nodes[0].LastRequest(apptest.EventsPath).Raw); got != 9_999 {
		t.Errorf("got %d bytes at the node, want 9999", got)
	}
	check(10_000, 413)
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.EventsPath).Header, map[string]string{"X-Forwarded-For": "", "Connection": ""})
	check(1_500, 200)
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.EventsPath).Header, map[string]string{"X-Forwarded-For": "127.0.0.1", "Connection": "close"})
}

func TestAPlainRequestWithALargerHeadThanANodeGetsIsRefused(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	seen := s.Nodes[0].Stats().Requests
	if r, body := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("a:b\r\n", 2000)); r.StatusCode != 431 {
		t.Errorf("2000 small fields: got %d %s, want 431", r.StatusCode, body)
	}
	if r, body := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\nCookie: " + strings.Repeat("x", 10_000) + "\r\n"); r.StatusCode != 431 {
		t.Errorf("a large field: got %d %s, want 431", r.StatusCode, body)
	}
	if got := s.Nodes[0].Stats().Requests; got != seen {
		t.Errorf("got %d requests at the node, want none", got-seen)
	}
}

func TestAHeaderSaysWhyAClientGotItsNode(t *testing.T) {
	s := apptest.New(t, 2, "headers: {explain: x-fermata}\n")
	says := func(request, want string) {
		t.Helper()
		r, _ := s.Ask(request)
		apptest.HasHeader(t, r.Header, map[string]string{"X-Fermata": want})
	}
	p := s.Dial()
	cookie := "Cookie: fermata=" + p.Cookie.Value + "\r\n"
	other := map[string]string{"reverb-1": "reverb-2", "reverb-2": "reverb-1"}[p.Node]
	says(apptest.WireUpgrade+cookie, "node="+p.Node+"; pick=cookie")
	s.Drain(p.Node, admin.DrainRequest{})
	says(apptest.WireUpgrade+cookie, fmt.Sprintf("node=%s; pick=draining; preferred=%s", other, p.Node))
	says("GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "node="+other+"; pick=turn")
	says("GET /app/nobody HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "node="+other+"; pick=turn") // an error of the node's
	says(strings.Replace(apptest.WireUpgrade, "Version: 13", "Version: 8", 1), "")                    // no node was asked
}

func TestAPlainRequestThatWasTriedAgainSaysSo(t *testing.T) {
	going := apptest.StartNode(t, devnode.Options{})
	good := apptest.FakeNode(t, apptest.Says("HTTP/1.1 200 OK\r\nX-Fermata: forged\r\nContent-Length: 2\r\n\r\nok"))
	s := apptest.NewFront(t, []string{going.URL(), good}, "headers: {explain: X-Fermata}\nhealth: {interval: 1h, fall: 1000}\n")
	s.Logs.Wait(t, "node up")
	s.Logs.Wait(t, "node up")
	going.Kill()
	<-going.Done()
	r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
	apptest.HasHeader(t, r.Header, map[string]string{"X-Fermata": "node=reverb-2; pick=retry; preferred=reverb-1"})
}

func TestWhatANodeSaysInTheExplainingHeaderIsReplacedOrNotOurs(t *testing.T) {
	node := apptest.FakeNode(t, apptest.Says101("X-Fermata: forged\r\nX-Fermata: twice\r\n", "\x81\x05hello"))
	s := apptest.NewFront(t, []string{node}, "headers: {explain: X-Fermata}\n")
	r, _ := s.Ask(apptest.WireUpgrade)
	apptest.HasHeader(t, r.Header, map[string]string{"X-Fermata": "node=reverb-1; pick=hash"})

	off := apptest.NewFront(t, []string{apptest.FakeNode(t, apptest.Says101("X-Fermata: the node's\r\n", "\x81\x05hello"))}, "")
	r, _ = off.Ask(apptest.WireUpgrade)
	apptest.HasHeader(t, r.Header, map[string]string{"X-Fermata": "the node's"})
}

func TestARefusalByTheNodeSaysWhichNodeItWas(t *testing.T) {
	node := apptest.FakeNode(t, apptest.Says("HTTP/1.1 404 Not Found\r\nX-Fermata: forged\r\nContent-Length: 0\r\n\r\n"))
	s := apptest.NewFront(t, []string{node}, "headers: {explain: X-Fermata}\n")
	r, _ := s.Ask(apptest.WireUpgrade)
	apptest.HasHeader(t, r.Header, map[string]string{"X-Fermata": "node=reverb-1; pick=hash"})
}
