package main

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

	"fermata/internal/lab/devnode"
)

func TestAMalformedUpgradeIsRefusedWithAReason(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	seen := s.nodes[0].Stats().Requests
	check := func(old, new string, status int, reason string) {
		t.Helper()
		w := s.wire(strings.Replace(wireUpgrade, old, new, 1) + "\r\n")
		r, body := w.answer()
		if r.StatusCode != status || !strings.Contains(body, reason) {
			t.Errorf("%q instead of %q: got %d %s, want %d with %s", new, old, r.StatusCode, body, status, reason)
		}
		if version := r.Header.Get("Sec-WebSocket-Version"); (version == "13") != (status == 426) {
			t.Errorf("%q instead of %q: got Sec-WebSocket-Version: %q", new, old, version)
		}
		w.ended()
	}
	check("Sec-WebSocket-Key: "+wireKey+"\r\n", "", 400, `got Sec-WebSocket-Key: "", want`)
	check("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+wireKey+"\r\nSec-WebSocket-Key", 400, "want one")
	check("Version: 13", "Version: 8", 426, `got Sec-WebSocket-Version: "8", want 13`)
	check("Sec-WebSocket-Version: 13\r\n", "", 426, `got Sec-WebSocket-Version: "", want 13`)
	check("HTTP/1.1", "HTTP/1.0", 505, "got HTTP/1.0, want HTTP/1.1")
	check("GET", "POST", 405, "got method POST, want GET")
	check("Connection: Upgrade\r\n", "", 400, `got Connection: "", want Upgrade`)
	check("Host: ws.example.com\r\n", "", 400, "missing required Host header")
	check("HTTP/1.1", "HTTP/2.0", 505, "")
	check("GET /", "nonsense /\x00", 400, "")
	for _, body := range []string{"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		w := s.wire(wireUpgrade + body)
		if r, text := w.answer(); r.StatusCode != 400 || !strings.Contains(text, "got an upgrade with a body, want none") {
			t.Errorf("%q behind the upgrade: got %d %s, want 400", body, r.StatusCode, text)
		}
		w.ended()
	}
	if got := s.nodes[0].Stats().Requests; got != seen {
		t.Errorf("requests that reached the node: got %d, want none", got-seen)
	}
}

func TestAHeadThatNoNodeWouldTakeIsRefused(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	cookies := func(size int) string { return wireUpgrade + "Cookie: a=" + strings.Repeat("x", size) + "\r\n" }
	if r, body := s.ask(cookies(12_000)); r.StatusCode != 431 || !strings.Contains(body, "bytes as it would reach the node, want at most 9999") {
		t.Errorf("12 kB of cookies: got %d %s, want 431 with what is got and wanted", r.StatusCode, body)
	}
	if r, _ := s.ask(cookies(60_000)); r.StatusCode != 431 {
		t.Errorf("60 kB of cookies: got %d, want 431", r.StatusCode)
	}
	if r, _ := s.ask(cookies(9_000)); r.StatusCode != 101 {
		t.Errorf("9 kB of cookies: got %d, want 101", r.StatusCode)
	}
}

func TestOnlyAGenuineCookieSelectsANode(t *testing.T) {
	const secrets = "sticky: {bounded_load: 0, cookie: {secrets: [%q]}}\n"
	s := newStack(t, 8, fmt.Sprintf(secrets, "0123456789abcdef"))
	s.bystander()
	home := s.dial()
	foreign := newFront(t, s.urls, fmt.Sprintf(secrets, "another-0123456789"))
	check := func(what, header string, wantNode string, wantCookie bool) {
		t.Helper()
		p, err := s.dialWith(http.Header{"Cookie": {header}})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if (wantNode != "" && p.node != wantNode) || (p.cookie != nil) != wantCookie {
			t.Errorf("%s: got %s and the cookie %v, want %s and one: %v", what, p.node, p.cookie, wantNode, wantCookie)
		}
	}
	// A genuine cookie of another node, from a Fermata of the same configuration
	// whose clients one can drain without the bystander.
	twin := newFront(t, s.urls, fmt.Sprintf(secrets, "0123456789abcdef"))
	if code, _, errOut := twin.cli("drain", home.node); code != exitDone {
		t.Fatal(errOut)
	}
	moved := twin.dial(home.cookie)
	other := moved.cookie.Value
	check("genuine", "fermata="+other, moved.node, false)
	check("none", "", home.node, true)
	for node := range s.nodes {
		check("a node's name", fmt.Sprintf("fermata=reverb-%d", node+1), home.node, true)
	}
	check("of another Fermata", "fermata="+foreign.dial().cookie.Value, home.node, true)
	check("truncated", "fermata="+other[:len(other)-1], home.node, true)
	check("longer", "fermata="+other+"A", home.node, true)
	check("in capitals", "fermata="+strings.ToUpper(other), home.node, true)
	check("very long", "fermata="+strings.Repeat("x", 8000), home.node, true)
	check("empty", "fermata=", home.node, true)
	check("of another name", "other="+other, home.node, true)
	check("genuine behind a foreign one", "fermata=foreign; x=y; fermata="+other, moved.node, true)
	check("genuine before a foreign one", "fermata="+other+"; fermata=foreign", moved.node, false)
}

// Reverb loses what comes in one segment with the upgrade, and ReverseProxy
// does too (golang/go#80875): it must be held until the 101.
func TestBytesAheadOfThe101ReachTheNode(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	w := s.wire(wireUpgrade + "\r\n" + clientFrame(`{"event":"pusher:ping","data":{}}`))
	if r, _ := w.answer(); r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	for _, want := range []string{"pusher:connection_established", "pusher:pong"} {
		if opcode, payload := w.frame(); opcode != 1 || !strings.Contains(payload, want) {
			t.Fatalf("got the frame %d %s, want %s", opcode, payload, want)
		}
	}
}

func TestTheNodeGetsTheClientsRequestAndWhoItIs(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	target := wirePath + "?protocol=7&a=%7e;b=%zz&&c=a+b%20c|d?"
	request := strings.Replace(wireUpgrade, wirePath+"?protocol=7", target, 1)
	request = strings.Replace(request, "Connection: Upgrade", "Connection: keep-alive, Upgrade, X-Hop", 1) +
		"Origin: https://app.example.com\r\nX-Hop: 1\r\nX-Kept: 2\r\nKeep-Alive: 3\r\nExpect: 100-continue\r\n" +
		"X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=10.9.9.9\r\n"
	if r, body := s.ask(request); r.StatusCode != 101 {
		t.Fatalf("got %d %s, want 101", r.StatusCode, body)
	}
	got := s.nodes[0].LastRequest(wirePath)
	if got.RequestURI != target || got.Host != "ws.example.com" {
		t.Errorf("got %s of %s, want %s of ws.example.com", got.RequestURI, got.Host, target)
	}
	hasHeader(t, got.Header, map[string]string{
		"Origin": "https://app.example.com", "X-Kept": "2", "Upgrade": "websocket", "Connection": "Upgrade",
		"X-Hop": "", "Keep-Alive": "", "Expect": "", "Forwarded": "",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "ws.example.com",
	})
}

// hasHeader compares fields, each of which occurs once; "" is one that is not
// there.
func hasHeader(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if strings.Join(got.Values(name), " | ") != value {
			t.Errorf("%s: got %q, want %q", name, got.Values(name), value)
		}
	}
}

func TestTheClientGetsTheNodes101WithoutItsHop(t *testing.T) {
	node := fakeNode(t, says101("X-Kept: 1\r\nKeep-Alive: 2\r\nX-Hop: 3\r\nConnection: X-Hop\r\nSet-Cookie: own=4\r\n", "\x81\x05hello"))
	s := newFront(t, []string{node}, "")
	r, _ := s.ask(wireUpgrade)
	if r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	hasHeader(t, r.Header, map[string]string{"X-Kept": "1", "Upgrade": "websocket", "Connection": "Upgrade", "X-Hop": "", "Keep-Alive": ""})
	if cookies := r.Cookies(); len(cookies) != 2 || cookies[0].Name != "own" || cookies[1].Name != "fermata" {
		t.Errorf("got the cookies %v, want the node's and the pin", cookies)
	}
}

func TestANodeThatFailsTheHandshakeCostsTheClientNothing(t *testing.T) {
	good := startNode(t, devnode.Options{Name: "second"})
	check := func(what string, fails func(net.Conn, string), result string) {
		t.Run(what, func(t *testing.T) {
			s := newFront(t, nil, first(fakeNode(t, fails), good.URL())+"timeouts: {answer: 1s}\n")
			w := s.wire(wireUpgrade + "\r\n")
			if r, body := w.answer(); r.StatusCode != 101 {
				t.Fatalf("got %d %s, want 101", r.StatusCode, body)
			}
			if _, greeting := w.frame(); !strings.Contains(greeting, "second") {
				t.Errorf("got the greeting %s, want the second node's", greeting)
			}
			s.hasMetric(fmt.Sprintf("fermata_handshakes_total{node=%q,result=%q} 1", "first", result))
			s.hasMetric(`fermata_handshakes_total{node="second",result="ok"} 1`)
			s.hasMetric(`fermata_picks_total{node="second",reason="retry"} 1`)
			w.Close()
			line := s.logs.wait(t, "client closed")
			if line["node"] != "second" || line["preferred"] != "first" || line["tries"] != 2.0 {
				t.Errorf("log line: got %v", line)
			}
		})
	}
	check("500", says("HTTP/1.1 500 Internal Server Error\r\n\r\n"), "error")
	check("503", says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "error")
	check("100", says("HTTP/1.1 100 Continue\r\n\r\n"), "error")
	check("silence", func(c net.Conn, _ string) { io.Copy(io.Discard, c) }, "timeout")
	check("half a head", func(c net.Conn, _ string) {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
		io.Copy(io.Discard, c)
	}, "timeout")
	check("end", says(""), "closed")
	check("end within the head", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), "closed")
	check("reset", func(c net.Conn, _ string) { c.(*net.TCPConn).SetLinger(0) }, "closed")
	check("garbage", says("\x00\x01\x02 not HTTP at all\r\n\r\n"), "error")
	check("huge head", says("HTTP/1.1 101 Switching Protocols\r\nX: "+strings.Repeat("x", 70_000)+"\r\n\r\n"), "error")
	check("wrong key", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"), "error")
	// With Reverb the 101 does not mean accepted yet.
	check("over quota", says101("", complaint(4004)), "over_quota")
	check("end behind the 101", says101("", ""), "closed")
	check("half a greeting", says101("", complaint(4001)[:9]), "closed")
	check("silence behind the 101", func(c net.Conn, head string) {
		says101("", "")(c, head)
		io.Copy(io.Discard, c)
	}, "timeout")
}

// complaint is the frame of a pusher:error.
func complaint(code int) string {
	text := fmt.Sprintf(`{"event":"pusher:error","data":"{\"code\":%d,\"message\":\"no\"}"}`, code)
	return "\x81" + string(rune(len(text))) + text
}

func TestWithAllNodesOverQuotaAClientIsToldToComeBack(t *testing.T) {
	full := fakeNode(t, says101("", complaint(4004)))
	s := newFront(t, nil, first(full, fakeNode(t, says101("", complaint(4004)))))
	w := s.wire(wireUpgrade + "\r\n")
	if r, _ := w.answer(); r.StatusCode != 101 {
		t.Fatalf("got %d, want 101", r.StatusCode)
	}
	if opcode, payload := w.frame(); opcode != 8 || !strings.HasPrefix(payload, "\x10\x04") {
		t.Errorf("got opcode %d, %q, want a Close frame 4100", opcode, payload)
	}
}

func TestOtherComplaintsBehindThe101AreForTheClient(t *testing.T) {
	for _, code := range []int{4001, 4009} {
		s := newFront(t, []string{fakeNode(t, says101("", complaint(code)))}, "")
		w := s.wire(wireUpgrade + "\r\n")
		w.answer()
		if _, payload := w.frame(); !strings.Contains(payload, strconv.Itoa(code)) {
			t.Errorf("got %q, want the node's pusher:error %d", payload, code)
		}
	}
}

func TestARefusalByTheNodeIsPassedOn(t *testing.T) {
	for _, status := range []int{400, 404, 413, 301} {
		node := fakeNode(t, says(fmt.Sprintf("HTTP/1.1 %d Whatever\r\nX-Kept: 1\r\nKeep-Alive: 2\r\n\r\nthe reason", status)))
		s := newFront(t, []string{node}, "")
		w := s.wire(wireUpgrade + "\r\n")
		r, body := w.answer()
		if r.StatusCode != status || body != "the reason" || len(r.Cookies()) != 0 {
			t.Errorf("got %d %q with %v, want %d and its body without a cookie", r.StatusCode, body, r.Cookies(), status)
		}
		hasHeader(t, r.Header, map[string]string{"X-Kept": "1", "Keep-Alive": ""})
		w.ended()
		s.hasMetric(`fermata_connections{node="reverb-1"} 0`)
		s.hasMetric(`fermata_handshakes_total{node="reverb-1",result="refused"} 1`)
	}
}

func TestHalfARefusalIsNotPassedOnAsAWholeOne(t *testing.T) {
	for _, answer := range []string{
		"Content-Length: 100\r\n\r\nthe reas",
		"Transfer-Encoding: chunked\r\n\r\n64\r\nthe reas",
		"\r\n" + strings.Repeat("x", 70_000),
	} {
		half := fakeNode(t, says("HTTP/1.1 403 Forbidden\r\n"+answer))
		whole := fakeNode(t, says("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nall"))
		s := newFront(t, []string{half}, first(half, whole)+"no_usable_node: \"503\"\n")
		if r, body := s.ask(wireUpgrade); r.StatusCode != 403 || body != "all" {
			t.Errorf("%.40q: got %d %.40q, want the whole refusal of the other node", answer, r.StatusCode, body)
		}
	}
	reset := fakeNode(t, func(c net.Conn, head string) {
		says("HTTP/1.1 403 Forbidden\r\n\r\nthe reas")(c, head)
		c.(*net.TCPConn).SetLinger(0)
	})
	s := newFront(t, []string{reset}, "no_usable_node: \"503\"\n")
	if r, body := s.ask(wireUpgrade); r.StatusCode != 503 {
		t.Errorf("cut by a reset: got %d %q, want 503", r.StatusCode, body)
	}
}

// Reverb leaves the connection open after a refusal without a length.
func TestARefusalThatReverbDoesNotEndReachesTheClient(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	s.nodes[0].SetFaults(devnode.Faults{Refuse: 413})
	w := s.wire(wireUpgrade + "\r\n")
	if r, _ := w.answer(); r.StatusCode != 413 {
		t.Errorf("got %d, want 413", r.StatusCode)
	}
	w.ended()
}

func TestACookieOfANodeThatFailsIsReplaced(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dial()
	s.node(p.node).SetFaults(devnode.Faults{Refuse: 503})
	again := s.dial(p.cookie)
	if again.node == p.node || again.cookie == nil || again.cookie.Value == p.cookie.Value {
		t.Errorf("got %s with %v, want another node than %s and another cookie", again.node, again.cookie, p.node)
	}
	p.answers()
}

func TestAFailedDialTriesTheNextNodeAndTellsTheCheck(t *testing.T) {
	s := newStack(t, 2, "health: {interval: 1h}\n") // it checks once, and then only when told to
	for range s.nodes {
		s.logs.wait(t, "node up")
	}
	p := s.dial()
	s.node(p.node).Kill()
	p.closed()
	again := s.dial(p.cookie)
	if again.node == p.node {
		t.Errorf("got the dead node %s", p.node)
	}
	if line := s.logs.wait(t, "node down"); line["node"] != p.node || line["reason"] != "dial refused" {
		t.Errorf("got %v, want %s down: dial refused", line, p.node)
	}
	s.hasMetric(fmt.Sprintf("fermata_node_up{node=%q} 0", p.node))
	again.answers()
}

func TestWithoutANodeAn503CanBePreferred(t *testing.T) {
	s := newStack(t, 1, "no_usable_node: \"503\"\n")
	s.nodes[0].Kill()
	w := s.wire(wireUpgrade + "\r\n")
	r, _ := w.answer()
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After: %q, want 503 and some", r.StatusCode, r.Header.Get("Retry-After"))
	}
	w.ended()
}

func TestAFullNodeIsPassedOver(t *testing.T) {
	a, b := startNode(t, devnode.Options{Name: "first"}), startNode(t, devnode.Options{Name: "second"})
	nodes := strings.ReplaceAll(first(a.URL(), b.URL()), "}", ", max_connections: 1}")
	s := newFront(t, nil, nodes)
	one, two := s.dial(), s.dial()
	if one.node != "first" || two.node != "second" {
		t.Errorf("got %s and %s, want first and second", one.node, two.node)
	}
	_, err := s.tryDial()
	if code := websocket.CloseStatus(err); code != 4100 {
		t.Errorf("with both full: got %v, want a Close frame 4100", err)
	}
	s.hasMetric(`fermata_picks_total{node="second",reason="full"} 1`)
	one.CloseNow()
	s.logs.wait(t, "client closed")
	if three := s.dial(); three.node != "first" {
		t.Errorf("when the first has room again: got %s", three.node)
	}
	two.answers()
}

func TestTooManyClientsAreTurnedAwayPolitely(t *testing.T) {
	s := newStack(t, 1, "limits: {max_clients: 2}\n")
	a, b := s.dial(), s.dial()
	for range 5 {
		_, err := s.tryDial()
		if code := websocket.CloseStatus(err); code != 4100 {
			t.Fatalf("the third client: got %v, want a Close frame 4100", err)
		}
	}
	if r, _ := s.ask("GET /up HTTP/1.1\r\nHost: a\r\n"); r.StatusCode != 200 {
		t.Errorf("plain HTTP, on which the clients' events come: got %d, want 200", r.StatusCode)
	}
	a.CloseNow()
	s.dialInTime()
	b.answers()
}

func TestTheNodesOwnCloseIsPassedOn(t *testing.T) {
	s := newStack(t, 1, "")
	p := s.dial()
	go s.nodes[0].CloseClients(4321, "so it is")
	var end websocket.CloseError
	_, _, err := p.Read(t.Context())
	if !errors.As(err, &end) || end.Code != 4321 || end.Reason != "so it is" {
		t.Errorf("got %v, want 4321: so it is", err)
	}
	if line := s.logs.wait(t, "client closed"); line["by"] != "node" || line["code"] != 4321.0 {
		t.Errorf("log line: got by %v, code %v, want node and 4321", line["by"], line["code"])
	}
}

// Reverb sends pusher:error and then a bare FIN.
func TestAnUnknownAppIsToldBeforeTheEnd(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+s.client+"/app/nobodys-key", nil)
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
	s := newStack(t, 5, "sticky: {by: ip, bounded_load: 0}\ntrusted_proxies: [127.0.0.1]\n")
	nodes := map[string]bool{}
	for i := range 32 {
		address := http.Header{"X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", i)}}
		one, err := s.dialWith(address)
		if err != nil {
			t.Fatal(err)
		}
		two, err := s.dialWith(address)
		if err != nil {
			t.Fatal(err)
		}
		if one.cookie != nil || one.node != two.node {
			t.Errorf("%v: got %s with %v, then %s, want the same without a cookie", address, one.node, one.cookie, two.node)
		}
		nodes[one.node] = true
	}
	if len(nodes) < 3 {
		t.Errorf("32 addresses came to the nodes %v, want more of the five", nodes)
	}
}

func TestAMessageAboveTheLimitNeverReachesTheNode(t *testing.T) {
	s := newStack(t, 1, "limits: {max_message_bytes: 100}\n")
	p, bystander := s.dial(), s.dial()
	if err := p.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", 101))); err != nil {
		t.Fatal(err)
	}
	if code := p.closed(); code != websocket.StatusMessageTooBig {
		t.Errorf("got %d, want 1009", code)
	}
	if line := s.logs.wait(t, "client closed"); line["by"] != "limit" || line["bytes_to_node"] != 0.0 {
		t.Errorf("log line: got by %v, %v bytes to the node, want limit and none", line["by"], line["bytes_to_node"])
	}
	bystander.answers()
}

func TestASilentClientIsEnded(t *testing.T) {
	s := newStack(t, 1, "limits: {max_silence: 300ms}\n")
	if code := s.dial().closed(); code != websocket.StatusGoingAway {
		t.Errorf("got %d, want 1001", code)
	}
	if line := s.logs.wait(t, "client closed"); line["by"] != "timeout" {
		t.Errorf("log line: got by %v, want timeout", line["by"])
	}
}
