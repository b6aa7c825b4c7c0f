package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"fermata/internal/lab/devnode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

func startNode(t *testing.T, o devnode.Options) *devnode.Node {
	t.Helper()
	n, err := devnode.Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

func options(n *devnode.Node) PageOptions {
	return PageOptions{
		WebSocket: strings.Replace(n.URL(), "http:", "ws:", 1), API: n.URL(),
		AppID: devnode.DefaultAppID, AppKey: devnode.DefaultAppKey, AppSecret: devnode.DefaultAppSecret,
	}
}

func servePage(t *testing.T, o PageOptions) string {
	t.Helper()
	server := httptest.NewServer(Page(o))
	t.Cleanup(server.Close)
	return server.URL
}

// request sends one and returns its answer with the whole body.
func request(t *testing.T, method, address, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

func TestThePageAndItsFilesAreServed(t *testing.T) {
	page := servePage(t, PageOptions{})
	f := func(path, kind, inside string) {
		t.Helper()
		response, body := request(t, "GET", page+path, "", nil)
		if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || !strings.HasPrefix(got, kind) || !strings.Contains(body, inside) {
			t.Errorf("%s: got %s %s, want %s with %q", path, response.Status, got, kind, inside)
		}
	}
	f("/", "text/html", "<h1>Fermata</h1>")
	f("/app.js", "text/javascript", "import")
	f("/connection.js", "text/javascript", "pusher:ping")
	f("/style.css", "text/css", "color-scheme")
	f("/icon.svg", "image/svg+xml", "<svg")
	f("/config.json", "application/json", Channel)
}

func TestNothingFromElsewhereRunsInThePage(t *testing.T) {
	page := servePage(t, PageOptions{WebSocket: "wss://127.0.0.1:8443"})
	response, body := request(t, "GET", page+"/", "", nil)
	policy := response.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self' wss://127.0.0.1:8443;"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got %q, want %q in it", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(body, "<style") || strings.Contains(body, "style=") || strings.Contains(body, "http") {
		t.Errorf("the page needs more than its policy allows: %s", body)
	}
}

func TestOtherHostNamesAndOtherSitesAreRefused(t *testing.T) {
	drained := false
	page := servePage(t, PageOptions{Drain: func(string) error { drained = true; return nil }})
	f := func(method, path, name, value string, want int) {
		t.Helper()
		if response, _ := request(t, method, page+path, "", http.Header{name: {value}}); response.StatusCode != want {
			t.Errorf("%s %s with %s %s: got %s, want %d", method, path, name, value, response.Status, want)
		}
	}
	f("GET", "/", "Host", "evil.example.com", http.StatusForbidden)
	f("GET", "/", "Host", "localhost:8000", http.StatusOK)
	f("GET", "/", "Host", "[::1]:8000", http.StatusOK)
	f("GET", "/", "Host", "[::1]", http.StatusOK)
	f("POST", "/nodes/a/drain", "Sec-Fetch-Site", "cross-site", http.StatusForbidden)
	f("POST", "/nodes/a/drain", "Origin", "https://evil.example.com", http.StatusForbidden)
	if drained {
		t.Fatal("another site has drained a node")
	}
	f("POST", "/nodes/a/drain", "Sec-Fetch-Site", "same-origin", http.StatusNoContent)
}

func TestTheConfigurationSaysWhereToConnectAndWhatToShow(t *testing.T) {
	press := func(string) error { return nil }
	f := func(o PageOptions, want string) {
		t.Helper()
		_, got := request(t, "GET", servePage(t, o)+"/config.json", "", nil)
		if strings.TrimSpace(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(PageOptions{WebSocket: "ws://127.0.0.1:1", AppKey: "k"},
		`{"channel":"private-demo","drain":false,"node":false,"nodes":false,"plain":"","send":false,"socket":"ws://127.0.0.1:1/app/k?protocol=7\u0026client=fermata-demo","trust":""}`)
	f(PageOptions{WebSocket: "wss://127.0.0.1:1", Plain: "ws://127.0.0.1:2", AppKey: "k", API: "https://127.0.0.1:1", Nodes: func() any { return nil }, Drain: press, Undrain: press},
		`{"channel":"private-demo","drain":true,"node":false,"nodes":true,"plain":"ws://127.0.0.1:2/app/k?protocol=7\u0026client=fermata-demo","send":true,"socket":"wss://127.0.0.1:1/app/k?protocol=7\u0026client=fermata-demo","trust":"https://127.0.0.1:1/up"}`)
}

func TestThePageIsToldWhereItsSocketIsAndEventsThatAreNumbered(t *testing.T) {
	n := startNode(t, devnode.Options{})
	o := options(n)
	o.NodeOf = func(channel string) string { return "the node of " + channel }
	if _, got := request(t, "GET", servePage(t, o)+"/node?channel=page-1.2", "", nil); got != `{"node":"the node of page-1.2"}`+"\n" {
		t.Errorf("got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ticking sync.WaitGroup
	ticking.Go(func() { Tick(ctx, o) })
	for deadline := time.Now().Add(patience); n.Stats().Published < 2; {
		if time.Now().After(deadline) {
			t.Fatalf("got %d events, want two", n.Stats().Published)
		}
		runtime.Gosched()
	}
	cancel()
	ticking.Wait()
}

func TestTheButtonsCallTheirFunctions(t *testing.T) {
	var calls []string
	page := servePage(t, PageOptions{
		Nodes:   func() any { return []map[string]string{{"name": "reverb-1"}} },
		Drain:   func(node string) error { calls = append(calls, "drain "+node); return nil },
		Undrain: func(string) error { return errors.New("refused: it is the last one") },
	})
	if _, got := request(t, "GET", page+"/nodes", "", nil); got != `[{"name":"reverb-1"}]`+"\n" {
		t.Errorf("nodes: got %s", got)
	}
	if response, _ := request(t, "POST", page+"/nodes/reverb-1/drain", "", nil); response.StatusCode != http.StatusNoContent {
		t.Errorf("drain: got %s", response.Status)
	}
	response, got := request(t, "POST", page+"/nodes/reverb-1/undrain", "", nil)
	if response.StatusCode != http.StatusConflict || got != "refused: it is the last one\n" {
		t.Errorf("undrain: got %s %q", response.Status, got)
	}
	if len(calls) != 1 || calls[0] != "drain reverb-1" {
		t.Errorf("got %q", calls)
	}
}

func TestOnlyTheDemosChannelIsSigned(t *testing.T) {
	page := servePage(t, PageOptions{AppKey: "k", AppSecret: "s"})
	f := func(channel, socket string, want int) {
		t.Helper()
		form := url.Values{"channel_name": {channel}, "socket_id": {socket}}.Encode()
		response, _ := request(t, "POST", page+"/auth", form, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
		if response.StatusCode != want {
			t.Errorf("%s: got %s, want %d", form, response.Status, want)
		}
	}
	f(Channel, "1.2", http.StatusOK)
	f(Channel, "", http.StatusForbidden)
	f("private-other", "1.2", http.StatusForbidden)
}

func TestAMessageReachesAPageThroughTheNode(t *testing.T) {
	n := startNode(t, devnode.Options{Name: "reverb-1"})
	page := servePage(t, options(n))
	ws := connect(t, page)
	id := greeting(t, ws)
	subscribe(t, ws, page, id)
	response, body := request(t, "POST", page+"/send", `{"from":"reverb-1","text":"hello"}`, nil)
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("got %s %s", response.Status, body)
	}
	if got := read(t, ws); !strings.Contains(got, `"data":"{\"from\":\"reverb-1\",\"text\":\"hello\"}"`) {
		t.Errorf("got %s", got)
	}
}

func TestAMessageThatCannotBePublishedIsAnError(t *testing.T) {
	n := startNode(t, devnode.Options{})
	o := options(n)
	o.AppSecret = "wrong"
	page := servePage(t, o)
	if response, body := request(t, "POST", page+"/send", `{"text":"hello"}`, nil); response.StatusCode != http.StatusBadGateway || !strings.Contains(body, "401") {
		t.Errorf("wrong secret: got %s %s", response.Status, body)
	}
	if response, _ := request(t, "POST", page+"/send", `{`, nil); response.StatusCode != http.StatusBadRequest {
		t.Errorf("no JSON: got %s", response.Status)
	}
	n.Stop()
	if response, _ := request(t, "POST", page+"/send", `{"text":"hello"}`, nil); response.StatusCode != http.StatusBadGateway {
		t.Errorf("no node: got %s", response.Status)
	}
}

// connect opens the WebSocket that the page would open.
func connect(t *testing.T, page string) *websocket.Conn {
	t.Helper()
	_, raw := request(t, "GET", page+"/config.json", "", nil)
	var config struct{ Socket string }
	if err := json.Unmarshal([]byte(raw), &config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, config.Socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	return ws
}

func read(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, raw, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// greeting returns the socket_id.
func greeting(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	var m struct{ Data string }
	var data struct {
		SocketID string `json:"socket_id"`
	}
	if json.Unmarshal([]byte(read(t, ws)), &m) != nil || json.Unmarshal([]byte(m.Data), &data) != nil {
		t.Fatalf("the greeting is %+v", m)
	}
	return data.SocketID
}

func subscribe(t *testing.T, ws *websocket.Conn, page, socketID string) {
	t.Helper()
	form := url.Values{"channel_name": {Channel}, "socket_id": {socketID}}.Encode()
	_, signed := request(t, "POST", page+"/auth", form, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	var auth struct{ Auth string }
	if err := json.Unmarshal([]byte(signed), &auth); err != nil {
		t.Fatal(err)
	}
	message := `{"event":"pusher:subscribe","data":{"channel":"` + Channel + `","auth":"` + auth.Auth + `"}}`
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, ws); !strings.Contains(got, "subscription_succeeded") {
		t.Fatalf("got %s", got)
	}
}
