package proxy

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestAnAnswerToAnUpgradeIsTheClientsUnlessAnotherNodeMayDoBetter(t *testing.T) {
	f := func(status int, want bool) {
		t.Helper()
		if err := checkAnswer(&http.Response{StatusCode: status}, &http.Request{}); (err == nil) != want {
			t.Errorf("%d: got %v, want it passed on: %v", status, err, want)
		}
	}
	f(103, false)
	f(199, false)
	f(200, true)
	f(403, true)
	f(499, true)
	f(500, false)
	f(599, false)
}

// nodesAnswers are answers, the first ones such as are read here.
var nodesAnswers = []string{
	string(benchAnswer),
	status101 + "Sec-WebSocket-Accept: a\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nDate: \r\n\r\n",
	status101 + "connection: keep-alive, X-Own\r\nx-own: 1\r\nserver:\té \r\n\r\n",
	status101 + "\r\n",

	"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: websocket\r\n\r\n",
	"HTTP/1.1 101\r\nUpgrade: websocket\r\n\r\n",
	"HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
	"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
	status101 + "Upgrade: websocket\n\r\n",
	status101 + "Upgrade : websocket\r\nX Y: z\r\n\r\n",
	status101 + "Upgrade: web\r\n socket\r\n\r\n",
	status101 + "Content-Length: 5\r\n\r\nhello",
	status101 + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	status101 + "Connection: close, X-Own\r\nX-Own: 1\r\n\r\n",
	status101 + "Pragma: no-cache\r\n\r\n",
	status101 + "X: a\rb\r\n\r\n",
	status101 + "X: a\x00b\r\n\r\n",
	status101 + "X: " + strings.Repeat("x", answerBuffer) + "\r\n\r\n",
	status101 + "Upgrade: websocket\r\n",
}

func TestOnlyA101AsNodesSendItIsReadHere(t *testing.T) {
	for i, text := range nodesAnswers {
		head, _ := cutHead([]byte(text)[:min(len(text), answerBuffer)])
		if a, want := read101(string(head)), i < 4; (a != nil) != want {
			t.Errorf("%.200q: got %v, want it read: %v", text, a, want)
		}
	}
}

// What is read of an answer is what package net/http reads of it.
func FuzzANodesAnswerIsReadAsByNetHTTP(f *testing.F) {
	for _, text := range nodesAnswers {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours, theirs := bufio.NewReaderSize(strings.NewReader(text), answerBuffer), bufio.NewReaderSize(strings.NewReader(text), answerBuffer)
		got, err := readAnswer(ours, nil)
		want, wantErr := http.ReadResponse(theirs, nil)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, want %v as from package net/http", text, err, wantErr)
		}
		if err != nil {
			return
		}
		if got.StatusCode != want.StatusCode || !reflect.DeepEqual(got.Header, want.Header) || (got.Body == http.NoBody) != (want.Body == http.NoBody) {
			t.Errorf("%q: got %#v, want %#v", text, got, want)
		}
		rest, _ := io.ReadAll(ours)
		if wantRest, _ := io.ReadAll(theirs); string(rest) != string(wantRest) {
			t.Errorf("%q: got %q after the head, want %q", text, rest, wantRest)
		}
	})
}

// What a client gets must be one well-formed 101, whatever the node has answered.
func FuzzA101ReachesTheClientAsOne(f *testing.F) {
	for _, text := range nodesAnswers {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from, err := readAnswer(bufio.NewReaderSize(strings.NewReader(text), answerBuffer), nil)
		if err != nil || from.StatusCode != http.StatusSwitchingProtocols {
			return
		}
		head := string((&answer{Response: from}).appendHead(nil, "fermata=pin"))
		to, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
		if err != nil || !strings.HasSuffix(head, "\r\n\r\n") || strings.Count(head, "\r\n\r\n") != 1 {
			t.Fatalf("%q: client got %q, which cannot be read: %v", text, head, err)
		}
		want := from.Header.Clone()
		stripHopByHop(want)
		maps.DeleteFunc(want, func(name string, _ []string) bool { return strings.Contains(name, " ") })
		want["Connection"], want["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
		want["Set-Cookie"] = append(want["Set-Cookie"], "fermata=pin")
		if to.StatusCode != http.StatusSwitchingProtocols || !reflect.DeepEqual(to.Header, want) {
			t.Errorf("%q: client got %v, want %v", text, to.Header, want)
		}
	})
}
