package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestAMalformedUpgradeIsRefusedWithAReason(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	seen := s.Nodes[0].Stats().Requests
	check := func(old, new string, status int, reason string) {
		t.Helper()
		w := s.Wire(strings.Replace(apptest.WireUpgrade, old, new, 1) + "\r\n")
		r, body := w.Answer()
		if r.StatusCode != status || !strings.Contains(body, reason) {
			t.Errorf("%q instead of %q: got %d %s, want %d with %s", new, old, r.StatusCode, body, status, reason)
		}
		if version := r.Header.Get("Sec-WebSocket-Version"); (version == "13") != (status == 426) {
			t.Errorf("%q instead of %q: got Sec-WebSocket-Version: %q", new, old, version)
		}
		w.Ended()
	}
	check("Sec-WebSocket-Key: "+apptest.WireKey+"\r\n", "", 400, `got Sec-WebSocket-Key: "", want`)
	check("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+apptest.WireKey+"\r\nSec-WebSocket-Key", 400, "want one")
	check("Version: 13", "Version: 8", 426, `got Sec-WebSocket-Version: "8", want 13`)
	check("Sec-WebSocket-Version: 13\r\n", "", 426, `got Sec-WebSocket-Version: "", want 13`)
	check("HTTP/1.1", "HTTP/1.0", 505, "got HTTP/1.0, want HTTP/1.1")
	check("GET", "POST", 405, "got method POST, want GET")
	check("Connection: Upgrade\r\n", "", 400, `got Connection: "", want Upgrade`)
	check("Host: ws.example.com\r\n", "", 400, "missing required Host header")
	check("HTTP/1.1", "HTTP/2.0", 505, "")
	check("GET /", "nonsense /\x00", 400, "")
	for _, body := range []string{"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		w := s.Wire(apptest.WireUpgrade + body)
		if r, text := w.Answer(); r.StatusCode != 400 || !strings.Contains(text, "got an upgrade with a body, want none") {
			t.Errorf("%q behind the upgrade: got %d %s, want 400", body, r.StatusCode, text)
		}
		w.Ended()
	}
	if got := s.Nodes[0].Stats().Requests; got != seen {
		t.Errorf("requests that reached the node: got %d, want none", got-seen)
	}
}

func TestAHeadThatNoNodeWouldTakeIsRefused(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	cookies := func(size int) string { return apptest.WireUpgrade + "Cookie: a=" + strings.Repeat("x", size) + "\r\n" }
	if r, body := s.Ask(cookies(12_000)); r.StatusCode != 431 || !strings.Contains(body, "bytes as it would reach the node, want at most 9999") {
		t.Errorf("12 kB of cookies: got %d %s, want 431 with what is got and wanted", r.StatusCode, body)
	}
	if r, _ := s.Ask(cookies(60_000)); r.StatusCode != 431 {
		t.Errorf("60 kB of cookies: got %d, want 431", r.StatusCode)
	}
	if r, _ := s.Ask(cookies(9_000)); r.StatusCode != 101 {
		t.Errorf("9 kB of cookies: got %d, want 101", r.StatusCode)
	}
}

func TestOnlyAGenuineCookieSelectsANode(t *testing.T) {
	t.Parallel()
	const secrets = "sticky: {bounded_load: 0, cookie: {secrets: [%q]}}\n"
	s := apptest.New(t, 8, fmt.Sprintf(secrets, "0123456789abcdef"))
	s.Bystander()
	home := s.Dial()
	foreign := apptest.NewFront(t, s.URLs, fmt.Sprintf(secrets, "another-0123456789"))
	check := func(what, header string, wantNode string, wantCookie bool) {
		t.Helper()
		p, err := s.DialWith(http.Header{"Cookie": {header}})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if (wantNode != "" && p.Node != wantNode) || (p.Cookie != nil) != wantCookie {
			t.Errorf("%s: got %s and the cookie %v, want %s and one: %v", what, p.Node, p.Cookie, wantNode, wantCookie)
		}
	}
	// A genuine cookie of another node, from a Fermata of the same configuration
	// whose clients one can drain without the bystander.
	twin := apptest.NewFront(t, s.URLs, fmt.Sprintf(secrets, "0123456789abcdef"))
	twin.Drain(home.Node, admin.DrainRequest{})
	moved := twin.Dial(home.Cookie)
	other := moved.Cookie.Value
	check("genuine", "fermata="+other, moved.Node, false)
	check("none", "", home.Node, true)
	for node := range s.Nodes {
		check("a node's name", fmt.Sprintf("fermata=reverb-%d", node+1), home.Node, true)
	}
	check("of another Fermata", "fermata="+foreign.Dial().Cookie.Value, home.Node, true)
	check("truncated", "fermata="+other[:len(other)-1], home.Node, true)
	check("longer", "fermata="+other+"A", home.Node, true)
	check("in capitals", "fermata="+strings.ToUpper(other), home.Node, true)
	check("very long", "fermata="+strings.Repeat("x", 8000), home.Node, true)
	check("empty", "fermata=", home.Node, true)
	check("of another name", "other="+other, home.Node, true)
	check("genuine behind a foreign one", "fermata=foreign; x=y; fermata="+other, moved.Node, true)
	check("genuine before a foreign one", "fermata="+other+"; fermata=foreign", moved.Node, false)
}

// Reverb loses what comes in one segment with the upgrade, and ReverseProxy
// does too (golang/go#80875): it must be held until the 101.
func TestBytesAheadOfThe101ReachTheNode(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	w := s.Wire(apptest.WireUpgrade + "\r\n" + apptest.ClientFrame(`{"event":"pusher:ping","data":{}}`))
	if r, _ := w.Answer(); r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	for _, want := range []string{"pusher:connection_established", "pusher:pong"} {
		if opcode, payload := w.Frame(); opcode != 1 || !strings.Contains(payload, want) {
			t.Fatalf("got the frame %d %s, want %s", opcode, payload, want)
		}
	}
}

func TestTheNodeGetsTheClientsRequestAndWhoItIs(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	target := apptest.WirePath + "?protocol=7&a=%7e;b=%zz&&c=a+b%20c|d?"
	request := strings.Replace(apptest.WireUpgrade, apptest.WirePath+"?protocol=7", target, 1)
	request = strings.Replace(request, "Connection: Upgrade", "Connection: keep-alive, Upgrade, X-Hop", 1) +
		"Origin: https://app.example.com\r\nX-Hop: 1\r\nX-Kept: 2\r\nKeep-Alive: 3\r\nExpect: 100-continue\r\n" +
		"X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=10.9.9.9\r\n"
	if r, body := s.Ask(request); r.StatusCode != 101 {
		t.Fatalf("got %d %s, want 101", r.StatusCode, body)
	}
	got := s.Nodes[0].LastRequest(apptest.WirePath)
	if got.RequestURI != target || got.Host != "ws.example.com" {
		t.Errorf("got %s of %s, want %s of ws.example.com", got.RequestURI, got.Host, target)
	}
	apptest.HasHeader(t, got.Header, map[string]string{
		"Origin": "https://app.example.com", "X-Kept": "2", "Upgrade": "websocket", "Connection": "Upgrade",
		"X-Hop": "", "Keep-Alive": "", "Expect": "", "Forwarded": "",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "ws.example.com",
	})
}

func TestTheClientGetsTheNodes101WithoutItsHop(t *testing.T) {
	node := apptest.FakeNode(t, apptest.Says101("X-Kept: 1\r\nKeep-Alive: 2\r\nX-Hop: 3\r\nConnection: X-Hop\r\nSet-Cookie: own=4\r\n", "\x81\x05hello"))
	s := apptest.NewFront(t, []string{node}, "")
	r, _ := s.Ask(apptest.WireUpgrade)
	if r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	apptest.HasHeader(t, r.Header, map[string]string{"X-Kept": "1", "Upgrade": "websocket", "Connection": "Upgrade", "X-Hop": "", "Keep-Alive": ""})
	if cookies := r.Cookies(); len(cookies) != 2 || cookies[0].Name != "own" || cookies[1].Name != "fermata" {
		t.Errorf("got the cookies %v, want the node's and the pin", cookies)
	}
}

func TestANodeThatFailsTheHandshakeCostsTheClientNothing(t *testing.T) {
	t.Parallel()
	good := apptest.StartNode(t, devnode.Options{Name: "second"})
	check := func(what string, fails func(net.Conn, string), result string) {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := apptest.NewFront(t, nil, apptest.TwoNodes(apptest.FakeNode(t, fails), good.URL())+"timeouts: {answer: 1s}\n")
			w := s.Wire(apptest.WireUpgrade + "\r\n")
			if r, body := w.Answer(); r.StatusCode != 101 {
				t.Fatalf("got %d %s, want 101", r.StatusCode, body)
			}
			if _, greeting := w.Frame(); !strings.Contains(greeting, "second") {
				t.Errorf("got the greeting %s, want the second node's", greeting)
			}
			s.HasMetric(fmt.Sprintf("fermata_handshakes_total{node=%q,result=%q} 1", "first", result))
			s.HasMetric(`fermata_handshakes_total{node="second",result="ok"} 1`)
			s.HasMetric(`fermata_picks_total{node="second",reason="retry"} 1`)
			w.Close()
			line := s.Logs.Wait(t, "client closed")
			if line["node"] != "second" || line["preferred"] != "first" || line["tries"] != 2.0 {
				t.Errorf("log line: got %v", line)
			}
		})
	}
	check("500", apptest.Says("HTTP/1.1 500 Internal Server Error\r\n\r\n"), "error")
	check("503", apptest.Says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "error")
	check("100", apptest.Says("HTTP/1.1 100 Continue\r\n\r\n"), "error")
	check("silence", func(c net.Conn, _ string) { io.Copy(io.Discard, c) }, "timeout")
	check("half a head", func(c net.Conn, _ string) {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
		io.Copy(io.Discard, c)
	}, "timeout")
	check("end", apptest.Says(""), "closed")
	check("end within the head", apptest.Says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), "closed")
	check("reset", func(c net.Conn, _ string) { c.(*net.TCPConn).SetLinger(0) }, "closed")
	check("garbage", apptest.Says("\x00\x01\x02 not HTTP at all\r\n\r\n"), "error")
	check("huge head", apptest.Says("HTTP/1.1 101 Switching Protocols\r\nX: "+strings.Repeat("x", 70_000)+"\r\n\r\n"), "error")
	check("wrong key", apptest.Says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"), "error")
	// With Reverb the 101 does not mean accepted yet.
	check("over quota", apptest.Says101("", apptest.Complaint(4004)), "over_quota")
	check("end behind the 101", apptest.Says101("", ""), "closed")
	check("half a greeting", apptest.Says101("", apptest.Complaint(4001)[:9]), "closed")
	check("silence behind the 101", func(c net.Conn, head string) {
		apptest.Says101("", "")(c, head)
		io.Copy(io.Discard, c)
	}, "timeout")
}

func TestWithAllNodesOverQuotaAClientIsToldToComeBack(t *testing.T) {
	full := apptest.FakeNode(t, apptest.Says101("", apptest.Complaint(4004)))
	s := apptest.NewFront(t, nil, apptest.TwoNodes(full, apptest.FakeNode(t, apptest.Says101("", apptest.Complaint(4004)))))
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	if r, _ := w.Answer(); r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	if opcode, payload := w.Frame(); opcode != 8 || !strings.HasPrefix(payload, "\x10\x04") {
		t.Errorf("got opcode %d, %q, want a Close frame 4100", opcode, payload)
	}
}

func TestOtherComplaintsAfterThe101AreForTheClient(t *testing.T) {
	for _, code := range []int{4001, 4009} {
		s := apptest.NewFront(t, []string{apptest.FakeNode(t, apptest.Says101("", apptest.Complaint(code)))}, "")
		w := s.Wire(apptest.WireUpgrade + "\r\n")
		w.Answer()
		if _, payload := w.Frame(); !strings.Contains(payload, strconv.Itoa(code)) {
			t.Errorf("got %q, want the node's pusher:error %d", payload, code)
		}
	}
}

func TestARefusalByTheNodeIsPassedOn(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 413, 301} {
		node := apptest.FakeNode(t, apptest.Says(fmt.Sprintf("HTTP/1.1 %d Whatever\r\nX-Kept: 1\r\nKeep-Alive: 2\r\n\r\nthe reason", status)))
		s := apptest.NewFront(t, []string{node}, "")
		w := s.Wire(apptest.WireUpgrade + "\r\n")
		r, body := w.Answer()
		if r.StatusCode != status || body != "the reason" || len(r.Cookies()) != 0 {
			t.Errorf("got %d %q with %v, want %d and its body without a cookie", r.StatusCode, body, r.Cookies(), status)
		}
		apptest.HasHeader(t, r.Header, map[string]string{"X-Kept": "1", "Keep-Alive": ""})
		w.Ended()
		s.HasMetric(`fermata_connections{node="reverb-1"} 0`)
		s.HasMetric(`fermata_handshakes_total{node="reverb-1",result="refused"} 1`)
	}
}

func TestHalfARefusalIsNotPassedOnAsAWholeOne(t *testing.T) {
	for _, answer := range []string{
		"Content-Length: 100\r\n\r\nthe reas",
		"Transfer-Encoding: chunked\r\n\r\n64\r\nthe reas",
		"\r\n" + strings.Repeat("x", 70_000),
	} {
		half := apptest.FakeNode(t, apptest.Says("HTTP/1.1 403 Forbidden\r\n"+answer))
		whole := apptest.FakeNode(t, apptest.Says("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nall"))
		s := apptest.NewFront(t, []string{half}, apptest.TwoNodes(half, whole)+"no_usable_node: \"503\"\n")
		if r, body := s.Ask(apptest.WireUpgrade); r.StatusCode != 403 || body != "all" {
			t.Errorf("%.40q: got %d %.40q, want the whole refusal of the other node", answer, r.StatusCode, body)
		}
	}
	reset := apptest.FakeNode(t, func(c net.Conn, head string) {
		apptest.Says("HTTP/1.1 403 Forbidden\r\n\r\nthe reas")(c, head)
		c.(*net.TCPConn).SetLinger(0)
	})
	s := apptest.NewFront(t, []string{reset}, "no_usable_node: \"503\"\n")
	if r, body := s.Ask(apptest.WireUpgrade); r.StatusCode != 503 {
		t.Errorf("cut by a reset: got %d %q, want 503", r.StatusCode, body)
	}
}

// Reverb leaves the connection open after a refusal without a length.
func TestARefusalThatReverbDoesNotEndReachesTheClient(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "")
	s.Bystander()
	s.Nodes[0].SetFaults(devnode.Faults{Refuse: 413})
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	if r, _ := w.Answer(); r.StatusCode != 413 {
		t.Errorf("got %d, want 413", r.StatusCode)
	}
	w.Ended()
}

func TestACookieOfANodeThatFailsIsReplaced(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	s.Node(p.Node).SetFaults(devnode.Faults{Refuse: 503})
	again := s.Dial(p.Cookie)
	if again.Node == p.Node || again.Cookie == nil || again.Cookie.Value == p.Cookie.Value {
		t.Errorf("got %s with %v, want another node than %s and another cookie", again.Node, again.Cookie, p.Node)
	}
	p.Answers()
}

func TestAFailedDialTriesTheNextNodeAndTellsTheCheck(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, "health: {interval: 1h}\n") // it checks once, and then only when told to
	for range s.Nodes {
		s.Logs.Wait(t, "node up")
	}
	p := s.Dial()
	s.Node(p.Node).Kill()
	p.Closed()
	again := s.Dial(p.Cookie)
	if again.Node == p.Node {
		t.Errorf("got the dead node %s", p.Node)
	}
	if line := s.Logs.Wait(t, "node down"); line["node"] != p.Node || line["reason"] != "dial refused" {
		t.Errorf("got %v, want %s down: dial refused", line, p.Node)
	}
	s.HasMetric(fmt.Sprintf("fermata_node_up{node=%q} 0", p.Node))
	again.Answers()
}

func TestWithoutANodeAn503CanBePreferred(t *testing.T) {
	s := apptest.New(t, 1, "no_usable_node: \"503\"\n")
	s.Nodes[0].Kill()
	w := s.Wire(apptest.WireUpgrade + "\r\n")
	r, _ := w.Answer()
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After: %q, want 503 and some", r.StatusCode, r.Header.Get("Retry-After"))
	}
	w.Ended()
}

func TestAFullNodeIsPassedOver(t *testing.T) {
	a, b := apptest.StartNode(t, devnode.Options{Name: "first"}), apptest.StartNode(t, devnode.Options{Name: "second"})
	nodes := strings.ReplaceAll(apptest.TwoNodes(a.URL(), b.URL()), "}", ", max_connections: 1}")
	s := apptest.NewFront(t, nil, nodes)
	one, two := s.Dial(), s.Dial()
	if one.Node != "first" || two.Node != "second" {
		t.Errorf("got %s and %s, want first and second", one.Node, two.Node)
	}
	_, err := s.TryDial()
	if code := websocket.CloseStatus(err); code != 4100 {
		t.Errorf("with both full: got %v, want a Close frame 4100", err)
	}
	s.HasMetric(`fermata_picks_total{node="second",reason="full"} 1`)
	one.CloseNow()
	s.Logs.Wait(t, "client closed")
	if three := s.Dial(); three.Node != "first" {
		t.Errorf("when the first has room again: got %s", three.Node)
	}
	two.Answers()
}

func TestTooManyClientsAreTurnedAwayPolitely(t *testing.T) {
	s := apptest.New(t, 1, "limits: {max_clients: 2}\n")
	a, b := s.Dial(), s.Dial()
	for range 5 {
		_, err := s.TryDial()
		if code := websocket.CloseStatus(err); code != 4100 {
			t.Fatalf("the third client: got %v, want a Close frame 4100", err)
		}
	}
	if r, _ := s.Ask("GET /up HTTP/1.1\r\nHost: a\r\n"); r.StatusCode != 200 {
		t.Errorf("plain HTTP, on which the clients' events come: got %d, want 200", r.StatusCode)
	}
	a.CloseNow()
	s.DialInTime()
	b.Answers()
}

func TestTheNodesOwnCloseIsPassedOn(t *testing.T) {
	s := apptest.New(t, 1, "")
	p := s.Dial()
	go s.Nodes[0].CloseClients(4321, "so it is")
	var end websocket.CloseError
	_, _, err := p.Read(t.Context())
	if !errors.As(err, &end) || end.Code != 4321 || end.Reason != "so it is" {
		t.Errorf("got %v, want 4321: so it is", err)
	}
	if line := s.Logs.Wait(t, "client closed"); line["by"] != "node" || line["code"] != 4321.0 {
		t.Errorf("log line: got by %v, code %v, want node and 4321", line["by"], line["code"])
	}
}

// Reverb sends pusher:error and then a bare FIN.
func TestAnUnknownAppIsToldBeforeTheEnd(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	ctx, cancel := context.WithTimeout(t.Context(), apptest.Timeout)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+s.Address+"/app/nobodys-key", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	_, text, err := conn.Read(ctx)
	if err != nil || !strings.Contains(string(text), "pusher:error") || !strings.Contains(string(text), "4001") {
		t.Errorf("got %s, %v, want pusher:error 4001", text, err)
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != 4001 {
		t.Errorf("got %v, want the Close frame 4001 of the node's own word", err)
	}
}

func TestByIPTheAddressAloneDecides(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 5, "sticky: {by: ip, bounded_load: 0}\ntrusted_proxies: [127.0.0.1]\n")
	nodes := map[string]bool{}
	for i := range 32 {
		address := http.Header{"X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", i)}}
		one, err := s.DialWith(address)
		if err != nil {
			t.Fatal(err)
		}
		two, err := s.DialWith(address)
		if err != nil {
			t.Fatal(err)
		}
		if one.Cookie != nil || one.Node != two.Node {
			t.Errorf("%v: got %s with %v, then %s, want the same without a cookie", address, one.Node, one.Cookie, two.Node)
		}
		nodes[one.Node] = true
	}
	if len(nodes) < 3 {
		t.Errorf("32 addresses came to the nodes %v, want more of the five", nodes)
	}
}

func TestAMessageAboveTheLimitNeverReachesTheNode(t *testing.T) {
	s := apptest.New(t, 1, "limits: {max_message_bytes: 100}\n")
	p, bystander := s.Dial(), s.Dial()
	if err := p.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", 101))); err != nil {
		t.Fatal(err)
	}
	if code := p.Closed(); code != websocket.StatusMessageTooBig {
		t.Errorf("got %d, want 1009", code)
	}
	if line := s.Logs.Wait(t, "client closed"); line["by"] != "limit" || line["bytes_to_node"] != 0.0 {
		t.Errorf("log line: got by %v, %v bytes to the node, want limit and none", line["by"], line["bytes_to_node"])
	}
	bystander.Answers()
}

func TestASilentClientIsEnded(t *testing.T) {
	s := apptest.New(t, 1, "limits: {max_silence: 300ms}\n")
	if code := s.Dial().Closed(); code != websocket.StatusGoingAway {
		t.Errorf("got %d, want 1001", code)
	}
	if line := s.Logs.Wait(t, "client closed"); line["by"] != "timeout" {
		t.Errorf("log line: got by %v, want timeout", line["by"])
	}
}
