package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
	"fermata/internal/metrics"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

const (
	appPath   = "/apps/" + devnode.DefaultAppID
	toOthers  = `{"name":"shipped","data":"{}","channel":"orders","socket_id":"1.2"}`
	replaced  = `{"name":"shipped","data":"{}","channel":"orders","socket_id":"333333.4444"}`
	toAll     = `{"name":"to all","data":"{}","channel":"orders"}`
	inBatch   = `{"batch":[{"name":"shipped","data":"{}","channel":"orders","socket_id":"1.2"},{"name":"a","data":"","channel":"b"}]}`
	ofTheNode = "333333.4444" // the present id of 1.2
)

var knownApp = session.App{ID: devnode.DefaultAppID, Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret}

// signedFor is a target that is valid for the path which is signed.
func signedFor(path, signed, body string, more url.Values) string {
	return path + "?" + devnode.Sign(http.MethodPost, signed, more, []byte(body), devnode.DefaultAppKey, devnode.DefaultAppSecret).Encode()
}

// pass is what toOthers makes of a request. Unlike a node, it tells whether it has
// looked at the body.
func pass(t *testing.T, h *Handler, method, target, text string, o *Options) (gotTarget, gotBody string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(text))
	b := h.bodies.open(func(error) {})
	defer b.close()
	if err := b.read(t.Context(), httptest.NewRecorder(), r, DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	got, answered := h.toOthers(r, b, o)
	defer answered()
	body, err := io.ReadAll(b.reader())
	if err != nil || int64(len(body)) != b.size {
		t.Fatalf("got %d bytes, %v, want %d", len(body), err, b.size)
	}
	return got.RequestURI, string(body)
}

func TestARequestThatIsNotTheAppsPassesAsItIs(t *testing.T) {
	h := &Handler{}
	o := &Options{Apps: []session.App{{ID: "other", Key: "k", Secret: "s"}, knownApp}}
	f := func(what, method, target, body string) {
		t.Helper()
		if gotTarget, gotBody := pass(t, h, method, target, body, o); gotTarget != target || gotBody != body {
			t.Errorf("%s: got %s %s, want %s %s", what, gotTarget, gotBody, target, body)
		}
	}
	const path = appPath + "/events"
	good := signedFor(path, path, toOthers, nil)
	f("nobody has moved", "POST", good, toOthers)
	h.aliases.set("other", "1.2", ofTheNode, nil)
	f("a client of another app has moved", "POST", good, toOthers)
	h.aliases.set(devnode.DefaultAppID, "1.2", ofTheNode, nil)
	if target, body := pass(t, h, "POST", good, toOthers, o); target == good || body != replaced {
		t.Errorf("got %s %s, want another signature and %s", target, body, replaced)
	}
	f("a wrong signature", "POST", good[:len(good)-1]+"x", toOthers)
	f("another body", "POST", good, toOthers+" ")
	f("no signature", "POST", path, toOthers)
	f("an empty body", "POST", signedFor(path, path, "", nil), "")
	f("half a body", "POST", signedFor(path, path, toOthers[:len(toOthers)-1], nil), toOthers[:len(toOthers)-1])
	f("huge nesting", "POST", signedFor(path, path, strings.Repeat("[", 1<<19), nil), strings.Repeat("[", 1<<19))
	f("a GET", "GET", good, toOthers)
	f("another route", "POST", signedFor(appPath+"/users/1/terminate_connections", appPath+"/users/1/terminate_connections", toOthers, nil), toOthers)
	f("below the route", "POST", signedFor(path+"/1", path+"/1", toOthers, nil), toOthers)
	f("the path of another app", "POST", signedFor("/apps/other/events", "/apps/other/events", toOthers, nil), toOthers)
	f("an app that is not known", "POST", signedFor("/apps/none/events", "/apps/none/events", toOthers, nil), toOthers)
	f("a batch where there is none", "POST", signedFor(path, path, inBatch, nil), inBatch)
	o.PathPrefix = "/ws"
	f("without the prefix", "POST", good, toOthers)
}

func TestThePrefixMayOrMayNotBeSigned(t *testing.T) {
	h := &Handler{}
	h.aliases.set(devnode.DefaultAppID, "1.2", ofTheNode, nil)
	const below = appPath + "/events"
	for _, signed := range []string{below, "/ws" + below} {
		target, body := pass(t, h, "POST", signedFor("/ws"+below, signed, toOthers, nil), toOthers, &Options{PathPrefix: "/ws", Apps: []session.App{knownApp}})
		if want := signedFor("/ws"+below, signed, replaced, nil); !sameQuery(t, target, want) || body != replaced {
			t.Errorf("with %s signed: got %s %s, want %s %s", signed, target, body, want, replaced)
		}
	}
}

// sameQuery compares but for the time and what is signed with it.
func sameQuery(t *testing.T, target, want string) bool {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := url.Parse(want)
	stamp := w.Query().Get("auth_timestamp")
	return strings.Replace(u.RawQuery, u.Query().Get("auth_timestamp"), stamp, 1) == w.RawQuery && u.Path == w.Path
}

// front is a Handler that serves, with real nodes on one bus behind it.
type front struct {
	*httptest.Server
	h     *Handler
	nodes []*devnode.Node
	ctx   context.Context
}

func startFront(t *testing.T, count int) *front {
	t.Helper()
	return startFrontOf(t, startNodes(t, count), nil)
}

// startNodes starts nodes on one bus.
func startNodes(t *testing.T, count int) (nodes []*devnode.Node) {
	t.Helper()
	bus, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	for range count {
		node, err := devnode.Start("127.0.0.1:0", devnode.Options{Bus: bus.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(node.Kill)
		nodes = append(nodes, node)
	}
	return nodes
}

func startFrontOf(t *testing.T, nodes []*devnode.Node, announce func(app, told string) <-chan struct{}) *front {
	t.Helper()
	f := &front{nodes: nodes}
	var o []balancer.NodeOptions
	for _, node := range nodes {
		o = append(o, balancer.NodeOptions{Name: node.Addr().String(), URL: balancer.URL{Host: node.Addr().String()}, Weight: 1})
	}
	limits, pool := DefaultLimits(), balancer.New(o, balancer.DefaultSticky())
	limits.MaxClients = 10
	var mention func(app, told string)
	if announce != nil {
		mention = func(app, told string) { announce(app, told) }
	}
	f.h = New(Options{Timeouts: DefaultTimeouts(), Limits: limits, MaxConnections: 20, AwaitGreeting: true, Apps: []session.App{knownApp}, Session: DefaultSession()},
		Deps{Pool: pool, Moves: moves.New(pool, moves.Options{}), Engine: relay.New(1), Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop(), Announce: announce, Mention: mention})
	f.Server = httptest.NewUnstartedServer(f.h)
	f.Config.ConnState = f.h.ConnState
	f.Start()
	t.Cleanup(func() { f.Close(); f.h.Wait() })
	ctx, cancel := context.WithTimeout(context.Background(), 45*time.Second)
	t.Cleanup(cancel)
	f.ctx = ctx
	return f
}

// subscribed is a client of the channel orders, and its socket id.
func (f *front) subscribed(t *testing.T) (client *websocket.Conn, socketID string) {
	t.Helper()
	client, _, err := websocket.Dial(f.ctx, f.URL+"/app/"+devnode.DefaultAppKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.CloseNow() })
	var greeting struct{ Data string }
	var data struct {
		SocketID string `json:"socket_id"`
	}
	if err := json.Unmarshal(f.hears(t, client), &greeting); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(greeting.Data), &data); err != nil {
		t.Fatal(err)
	}
	if err := client.Write(f.ctx, websocket.MessageText, []byte(`{"event":"pusher:subscribe","data":{"channel":"orders"}}`)); err != nil {
		t.Fatal(err)
	}
	if got := f.hears(t, client); !bytes.Contains(got, []byte("subscription_succeeded")) {
		t.Fatalf("got %s, want the subscription", got)
	}
	return client, data.SocketID
}

func (f *front) hears(t *testing.T, client *websocket.Conn) []byte {
	t.Helper()
	_, text, err := client.Read(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (f *front) publish(t *testing.T, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(f.ctx, http.MethodPost, f.URL+signedFor(path, path, body, url.Values{"x": {"a b"}}), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s, want the node to accept it", answer.StatusCode, text)
	}
}

// A browser goes on to name itself as it was told, whatever its node knows it by.
func TestAMovedClientDoesNotGetWhatItsOwnPageHasSentToOthers(t *testing.T) {
	f := startFront(t, 2)
	moved, present := f.subscribed(t)
	other, _ := f.subscribed(t)
	is, _ := f.h.aliases.of(devnode.DefaultAppID, present)
	f.h.aliases.set(devnode.DefaultAppID, "1.2", present, is.node)
	for _, n := range f.nodes {
		n.SetFaults(devnode.Faults{CarrySender: true}) // else one of them answers 500 to the batch
	}
	for range 4 { // each node gets some
		f.publish(t, appPath+"/events", toOthers)
		f.publish(t, appPath+"/batch_events", inBatch)
	}
	for range 8 {
		if got := f.hears(t, other); !bytes.Contains(got, []byte("shipped")) {
			t.Errorf("the other client: got %s, want the event", got)
		}
	}
	f.publish(t, appPath+"/events", toAll)
	if got := f.hears(t, moved); !bytes.Contains(got, []byte("to all")) {
		t.Errorf("the client itself: got %s, want the event that is for all", got)
	}
}

// Up to Reverb 1.10.2 only the client's own node can leave it out, and other requests
// go to the nodes in turn.
func TestNoPageGetsWhatItHasSentToOthersWhicheverItsNodeIs(t *testing.T) {
	f := startFront(t, 3)
	var clients []*websocket.Conn
	var ids []string
	for range 4 {
		client, id := f.subscribed(t)
		clients, ids = append(clients, client), append(ids, id)
	}
	for range 3 {
		for _, id := range ids {
			f.publish(t, appPath+"/events", `{"name":"shipped","data":"from `+id+`","channel":"orders","socket_id":"`+id+`"}`)
		}
	}
	for range f.nodes {
		f.publish(t, appPath+"/events", toAll)
	}
	for i, client := range clients {
		for others, all := 0, 0; all < len(f.nodes) || others < 9; {
			switch got := f.hears(t, client); {
			case bytes.Contains(got, []byte("from "+ids[i])):
				t.Fatalf("client %d: got its own event", i)
			case bytes.Contains(got, []byte("shipped")):
				others++
			default:
				all++
			}
		}
	}
}

// Its sender's node would answer 500.
func TestABatchGoesToTheNodesInTurnWhoeverHasSentIt(t *testing.T) {
	f := startFront(t, 3)
	_, id := f.subscribed(t)
	body := `{"batch":[{"name":"shipped","data":"{}","channel":"orders","socket_id":"` + id + `"}]}`
	for _, n := range f.nodes {
		n.SetFaults(devnode.Faults{CarrySender: true})
	}
	for range f.nodes {
		f.publish(t, appPath+"/batch_events", body)
	}
	for i, n := range f.nodes {
		if got := string(n.LastRequest(appPath + "/batch_events").Content); got != body {
			t.Errorf("node %d: got %q, want %s", i, got, body)
		}
	}
}

func TestANodeGetsTheRestOfTheRequestAsItCame(t *testing.T) {
	f := startFront(t, 1)
	f.h.aliases.set(devnode.DefaultAppID, "1.2", ofTheNode, nil)
	f.publish(t, appPath+"/events", toOthers)
	got := f.nodes[0].LastRequest(appPath + "/events")
	asked, err := url.ParseRequestURI(got.RequestURI)
	if err != nil {
		t.Fatal(err)
	}
	sent := asked.Query()["auth_timestamp"] // a second may have begun since
	want := signedFor(appPath+"/events", appPath+"/events", replaced, url.Values{"x": {"a b"}, "auth_timestamp": sent})
	if string(got.Content) != replaced || !sameQuery(t, got.RequestURI, want) {
		t.Errorf("got %s %s, want %s %s", got.RequestURI, got.Content, want, replaced)
	}
	if got := got.Header.Get("Content-Length"); got != "75" {
		t.Errorf("got the length %s, want 75", got)
	}
}
