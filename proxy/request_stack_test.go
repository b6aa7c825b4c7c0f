package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func chunked(body string) string {
	half := len(body) / 2
	return fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n", half, body[:half], len(body)-half, body[half:])
}

func TestASignedPostReachesANodeHoweverItsBodyComes(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	check := func(what, fields, body string) {
		t.Helper()
		r, answer := s.Wire(apptest.SignedPost(apptest.Event) + fields + "\r\n" + body).Answer()
		if r.StatusCode != 200 {
			t.Errorf("%s: got %d %s, want 200", what, r.StatusCode, answer)
		}
		got := s.Nodes[0].LastRequest(apptest.EventsPath)
		if string(got.Content) != apptest.Event {
			t.Errorf("%s: node got the body %q", what, got.Content)
		}
		apptest.HasHeader(t, got.Header, map[string]string{
			"Content-Length": fmt.Sprint(len(apptest.Event)), "Transfer-Encoding": "", "Trailer": "", "Expect": "", "Te": "", "Content-Type": "application/json",
		})
	}
	check("with a length", fmt.Sprintf("Content-Length: %d\r\n", len(apptest.Event)), apptest.Event)
	check("chunked", "Transfer-Encoding: chunked\r\nTe: trailers\r\nTrailer: X-Trailer\r\n", chunked(apptest.Event))
	if got := s.Nodes[0].Stats().Published; got != 2 {
		t.Errorf("published: got %d, want 2", got)
	}
}

func TestABodyThatIsStreamedReachesTheNode(t *testing.T) {
	s := apptest.New(t, 1, "")
	w := s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(apptest.Event)))
	for _, letter := range apptest.Event {
		w.Send(string(letter))
	}
	if r, answer := w.Answer(); r.StatusCode != 200 {
		t.Errorf("got %d %s, want 200", r.StatusCode, answer)
	}
}

// A client that sends its body slowly must not take a connection of a node:
// without ext-uv that dies at 1,017.
func TestNoNodeIsAskedBeforeTheBodyIsThere(t *testing.T) {
	s := apptest.NewFront(t, []string{apptest.Refusing(t)}, "")
	w := s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(apptest.Event)))
	if r, _ := w.Answer(); r.StatusCode != 100 {
		t.Fatalf("before the body: got %d, want 100", r.StatusCode)
	}
	w.Send(apptest.Event)
	if r, _ := w.Answer(); r.StatusCode != 503 {
		t.Errorf("behind the body: got %d, want 503, as there is no node", r.StatusCode)
	}
}

func TestExpectContinueIsAnsweredAndStaysHere(t *testing.T) {
	s := apptest.New(t, 1, "")
	for _, framing := range []string{fmt.Sprintf("Content-Length: %d\r\n", len(apptest.Event)), "Transfer-Encoding: chunked\r\n"} {
		w := s.Wire(apptest.SignedPost(apptest.Event) + framing + "Expect: 100-continue\r\n\r\n")
		if r, _ := w.Answer(); r.StatusCode != 100 {
			t.Fatalf("got %d, want 100", r.StatusCode)
		}
		if strings.Contains(framing, "chunked") {
			w.Send(chunked(apptest.Event))
		} else {
			w.Send(apptest.Event)
		}
		if r, answer := w.Answer(); r.StatusCode != 200 {
			t.Errorf("got %d %s, want 200", r.StatusCode, answer)
		}
		apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.EventsPath).Header, map[string]string{"Expect": ""})
	}
	r, _ := s.Ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 0\r\n")
	if r.StatusCode != 417 {
		t.Errorf("another expectation: got %d, want 417", r.StatusCode)
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	s := apptest.New(t, 1, "limits: {max_body_bytes: 100}\n")
	s.Bystander()
	seen := s.Nodes[0].Stats().Requests
	body := strings.Repeat("x", 200)
	check := func(framing, body string) {
		t.Helper()
		w := s.Wire("POST / HTTP/1.1\r\nHost: a\r\n" + framing + "\r\n" + body)
		want := "got a body of more than 100 bytes, want at most that"
		if r, text := w.Answer(); r.StatusCode != 413 || !strings.Contains(text, want) {
			t.Errorf("got %d %s, want 413 %s", r.StatusCode, text, want)
		}
		w.Ended()
	}
	check("Content-Length: 200\r\n", body)
	check("Transfer-Encoding: chunked\r\n", chunked(body))
	if got := s.Nodes[0].Stats().Requests; got != seen {
		t.Errorf("requests that reached the node: got %d, want none", got-seen)
	}
}

func TestAnotherUpgradeIsServedAsPlainHTTP(t *testing.T) {
	s := apptest.New(t, 1, "")
	r, body := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n")
	if r.StatusCode != 200 || !strings.Contains(body, "OK") || len(r.Cookies()) != 0 {
		t.Errorf("got %d %s with %v, want 200 OK without a cookie", r.StatusCode, body, r.Cookies())
	}
	apptest.HasHeader(t, s.Nodes[0].LastRequest("/up").Header, map[string]string{"Upgrade": "", "Http2-Settings": "", "Connection": "close"})
}

func TestThePathAndQueryReachTheNodeByteForByte(t *testing.T) {
	var got atomic.Value
	node := apptest.FakeNode(t, func(c net.Conn, head string) {
		got.Store(head)
		apptest.Says("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")(c, head)
	})
	s := apptest.NewFront(t, []string{node}, "")
	check := func(sent, want string) {
		t.Helper()
		r, _ := s.Ask("GET " + sent + " HTTP/1.1\r\nHost: ws.example.com\r\n")
		line, head, _ := strings.Cut(got.Load().(string), "\r\n")
		if r.StatusCode != 200 || line != "GET "+want+" HTTP/1.1" || !strings.Contains(head, "Host: ws.example.com\r\n") {
			t.Errorf("%s: got %d, node got %s, want %s", sent, r.StatusCode, line, want)
		}
	}
	for _, target := range []string{
		"/", "/?", "/a?", "/%61%2F%2f/%7e", "//two//slashes", "//host/path?q", "/a;b=c?d;e", "/a?b=%zz&&=", "/a|\"<>^`{}[]", "/é?é",
		"/a/../b/./c", "/a?b?c=/d//e", "/a:b@c", "/*", "/a+b?c+d",
	} {
		check(target, target)
	}
	check("http://ws.example.com/a|%61?b", "/a|%61?b")
	check("http://ws.example.com", "/")
	check("http://ws.example.com?a", "/?a")
}

func TestPlainRequestsSayWhoTheClientIs(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Ask("GET /up HTTP/1.1\r\nHost: ws.example.com\r\nOrigin: https://app.example.com\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 2\r\n" +
		"Proxy-Authorization: 3\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=10.9.9.9\r\n")
	got := s.Nodes[0].LastRequest("/up")
	apptest.HasHeader(t, got.Header, map[string]string{
		"Origin": "https://app.example.com", "X-Hop": "", "Keep-Alive": "", "Proxy-Authorization": "", "Forwarded": "", "User-Agent": "",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "ws.example.com",
	})
	if got.Host != "ws.example.com" {
		t.Errorf("Host: got %s, want ws.example.com", got.Host)
	}
}

func TestATrustedProxyIsBelieved(t *testing.T) {
	s := apptest.New(t, 1, "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n")
	forwarded := "X-Forwarded-For: 1.1.1.1, 2001:db8::7, 10.0.0.5\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: ws.example.com\r\n"
	want := map[string]string{
		"X-Forwarded-For": "1.1.1.1, 2001:db8::7, 10.0.0.5, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "ws.example.com",
	}
	s.Ask("GET /up HTTP/1.1\r\nHost: inner\r\n" + forwarded)
	apptest.HasHeader(t, s.Nodes[0].LastRequest("/up").Header, want)

	w := s.Wire(apptest.WireUpgrade + forwarded + "\r\n")
	r, _ := w.Answer()
	apptest.HasHeader(t, s.Nodes[0].LastRequest(apptest.WirePath).Header, want)
	if cookies := r.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("got the cookies %v, want a secure one, since the client uses TLS", cookies)
	}
	w.Close()
	if line := s.Logs.Wait(t, "client closed"); line["client"] != "2001:db8::7" {
		t.Errorf("log line: got the client %v, want the last one that is no trusted proxy", line["client"])
	}
}

func TestTheNodesAnswerComesBackWithoutItsHop(t *testing.T) {
	node := apptest.FakeNode(t, apptest.Says("HTTP/1.1 404 Not Found\r\nX-Kept: 1\r\nKeep-Alive: 2\r\nConnection: X-Hop\r\nX-Hop: 3\r\nUpgrade: h2c\r\n\r\nno length"))
	s := apptest.NewFront(t, []string{node}, "")
	r, body := s.Ask("GET / HTTP/1.1\r\nHost: a\r\n")
	if r.StatusCode != 404 || body != "no length" {
		t.Errorf("got %d %q, want 404 and its body", r.StatusCode, body)
	}
	apptest.HasHeader(t, r.Header, map[string]string{"X-Kept": "1", "Keep-Alive": "", "X-Hop": "", "Upgrade": "", "Set-Cookie": ""})
}

// Reverb ends its errors with the connection. A client has to see whether that
// was its end, or that of the node.
func TestHalfAnAnswerDoesNotLookWhole(t *testing.T) {
	read := make(chan struct{})
	node := apptest.FakeNode(t, func(c net.Conn, head string) {
		apptest.Says("HTTP/1.1 500 Whatever\r\n\r\nthe reas")(c, head)
		if strings.Contains(head, "/streamed") {
			<-read
		}
		c.(*net.TCPConn).SetLinger(0)
	})
	s := apptest.NewFront(t, []string{node}, "")
	w := s.Wire("GET /streamed HTTP/1.1\r\nHost: a\r\n\r\n")
	r, err := http.ReadResponse(w.From, nil)
	if err == nil {
		_, err = io.ReadFull(r.Body, make([]byte, len("the reas")))
	}
	if err != nil {
		t.Fatalf("beginning of the answer: %v", err)
	}
	close(read)
	if rest, err := io.ReadAll(r.Body); err == nil {
		t.Errorf("HTTP/1.1: got the rest %q without an error, want one", rest)
	}
	if r, body := s.Ask("GET /up HTTP/1.0\r\nHost: a\r\n"); r.StatusCode != 502 || strings.Contains(body, "reas") {
		t.Errorf("HTTP/1.0: got %d %q, want 502", r.StatusCode, body)
	}
}

func TestAClientOfHTTP10GetsTheLengthOfAnError(t *testing.T) {
	s := apptest.NewFront(t, []string{apptest.FakeNode(t, apptest.Says("HTTP/1.1 404 Not Found\r\n\r\nthe reason"))}, "")
	if r, body := s.Ask("GET / HTTP/1.0\r\nHost: a\r\n"); r.StatusCode != 404 || r.ContentLength != 10 || body != "the reason" {
		t.Errorf("got %d of %d bytes, %q, want 404 of 10 bytes", r.StatusCode, r.ContentLength, body)
	}
	long := strings.Repeat("x", 1<<20)
	s = apptest.NewFront(t, []string{apptest.FakeNode(t, apptest.Says("HTTP/1.1 404 Not Found\r\n\r\n"+long))}, "")
	if r, body := s.Ask("GET / HTTP/1.0\r\nHost: a\r\n"); r.StatusCode != 404 || body != long {
		t.Errorf("got %d with %d bytes, want 404 with all of them", r.StatusCode, len(body))
	}
}

func TestAPlainRequestGoesToTheNextNodeOnlyIfNothingWasSent(t *testing.T) {
	good := apptest.StartNode(t, devnode.Options{})
	gone := apptest.StartNode(t, devnode.Options{})
	gone.Kill()
	s := apptest.NewFront(t, []string{gone.URL(), good.URL()}, "")
	for range 4 {
		r, answer := s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(apptest.Event)) + apptest.Event).Answer()
		if r.StatusCode != 200 {
			t.Errorf("with a node that cannot be dialled: got %d %s, want 200", r.StatusCode, answer)
		}
	}
	var asked atomic.Int32
	failing := func() string { return apptest.FakeNode(t, func(net.Conn, string) { asked.Add(1) }) }
	s = apptest.NewFront(t, []string{failing(), failing()}, "")
	if r, _ := s.Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"); r.StatusCode != 502 || asked.Load() != 1 {
		t.Errorf("with a node that ends: got %d after %d requests, want 502 after one", r.StatusCode, asked.Load())
	}
}

func TestPlainRequestsWithoutANodeAreToldWhenToComeBack(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Nodes[0].Kill()
	r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After: %q, want 503 and some", r.StatusCode, r.Header.Get("Retry-After"))
	}
}

func TestANodeThatDoesNotAnswerIsAGatewayTimeout(t *testing.T) {
	s := apptest.New(t, 1, "timeouts: {response: 100ms}\n")
	s.Bystander()
	s.Nodes[0].Freeze()
	r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n")
	if r.StatusCode != 504 {
		t.Errorf("got %d, want 504", r.StatusCode)
	}
	s.Nodes[0].Thaw()
}

func TestASlowHeadIsCutOff(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "timeouts: {header: 500ms}\n")
	s.Bystander()
	s.Wire("GET /up HTTP/1.1\r\nHost: a\r\nX-Slow: 1\r\n").Ended()
	s.Wire("").Ended()
}

func TestASlowBodyIsTheClientsFault(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 1, "timeouts: {request: 1s}\n")
	s.Bystander()
	for _, framing := range []string{"Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"} {
		w := s.Wire("POST / HTTP/1.1\r\nHost: a\r\n" + framing + "\r\n")
		w.Send("5\r\nabc")
		if r, text := w.Answer(); r.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s: got %d %s, want 408", framing, r.StatusCode, text)
		}
		w.Ended()
	}
}

func TestAClientThatLeavesDuringARequestEndsItAtTheNode(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Nodes[0].SetFaults(devnode.Faults{Delay: time.Hour})
	w := s.Wire("GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
	apptest.WaitNode(t, s.Nodes[0], func(n devnode.Stats) bool { return n.Requests > 0 })
	w.Close()
	s.Nodes[0].SetFaults(devnode.Faults{})
	s.Dial().Answers()
}

func TestOddMethodsAreTheNodesMatter(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	for _, line := range []string{"HEAD /up", "DELETE /up", "OPTIONS /up", "PURGE /up"} {
		w := s.Wire(line + " HTTP/1.1\r\nHost: ws.example.com:443\r\nConnection: close\r\n\r\n")
		r, err := http.ReadResponse(w.From, &http.Request{Method: strings.Fields(line)[0]})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if r.StatusCode >= 500 {
			t.Errorf("%s: got %d", line, r.StatusCode)
		}
	}
}

func TestWhatIsNoRequestReachesNoNode(t *testing.T) {
	var heads atomic.Int32
	node := apptest.FakeNode(t, func(c net.Conn, head string) {
		heads.Add(1)
		apptest.Says("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")(c, head)
	})
	s := apptest.NewFront(t, []string{node}, "")
	check := func(request string, want int) {
		t.Helper()
		w := s.Wire(request)
		if r, body := w.Answer(); r.StatusCode != want {
			t.Errorf("%q: got %d %s, want %d", request, r.StatusCode, body, want)
		}
		w.Ended()
	}
	check("CONNECT ws.example.com:443 HTTP/1.1\r\nHost: ws.example.com:443\r\n\r\n", 405)
	check("TRACE /up HTTP/1.1\r\nHost: a\r\n\r\n", 405)
	check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
	check("PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 501)
	check("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400)
	check("GET up HTTP/1.1\r\nHost: a\r\n\r\n", 400)
	check("GET ftp://a/up HTTP/1.1\r\nHost: a\r\n\r\n", 400)
	check(strings.Replace(apptest.WireUpgrade, "Connection: Upgrade", "Connection: Upgrade, Sec-WebSocket-Key", 1)+"\r\n", 400)
	if got := heads.Load(); got != 0 {
		t.Errorf("got %d requests at the node, want none", got)
	}
}

func TestAPublishedEventArrivesThoughTheFirstNodeIsDead(t *testing.T) {
	good := apptest.StartNode(t, devnode.Options{})
	// The check over TCP takes its time to find out that a listener is gone.
	s := apptest.NewFront(t, []string{apptest.Refusing(t), apptest.Refusing(t), good.URL()}, "health: {interval: 1h, fall: 1000}\n")
	for range 6 {
		r, answer := s.Wire(apptest.SignedPost(apptest.Event) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(apptest.Event)) + apptest.Event).Answer()
		if r.StatusCode != 200 {
			t.Errorf("got %d %s, want 200", r.StatusCode, answer)
		}
	}
}
