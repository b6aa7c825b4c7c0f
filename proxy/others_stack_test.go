package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

// gates are nodes behind gates, through which events go that are published.
type gates struct {
	*apptest.Stack
	servers []*httptest.Server

	mu   sync.Mutex
	shut map[string]*shutGate // by what is in the body
	seen []post

	last atomic.Int32
}

// post is a request that has come to a node.
type post struct{ node, body string }

// shutGate holds requests.
type shutGate struct {
	came   chan struct{} // has one for each that has come
	open   chan struct{}
	refuse bool // afterwards; set before open is closed
}

const marker = "fermata-" // in the body that publishes markers

// newGates starts nodes that know each other, and a Fermata.
func newGates(t *testing.T, nodes int, extra string) *gates {
	t.Helper()
	g := &gates{shut: make(map[string]*shutGate)}
	started, urls := apptest.StartNodes(t, nodes)
	for i, u := range urls {
		s := httptest.NewServer(g.before(fmt.Sprintf("reverb-%d", i+1), u))
		t.Cleanup(s.Close)
		g.servers, urls[i] = append(g.servers, s), s.URL
	}
	g.Stack = apptest.NewFront(t, urls, steady(apptest.Even+known+"health: {reverb: {delivery: {interval: 0s}}}\n"+extra))
	g.Nodes = started
	t.Cleanup(g.openAll)
	return g
}

// before passes requests on to a node.
func (g *gates) before(name, node string) http.Handler {
	to, _ := url.Parse(node)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !g.pass(name, r) {
			http.Error(w, "refused by the test", http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// pass waits until the gate is open, and is whether the request may go through it.
func (g *gates) pass(name string, r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.mu.Lock()
	g.seen = append(g.seen, post{name, string(body)})
	var at *shutGate
	for what, gate := range g.shut {
		if strings.Contains(string(body), what) {
			at = gate
		}
	}
	g.mu.Unlock()
	if at == nil {
		return true
	}
	at.came <- struct{}{}
	select {
	case <-at.open:
		return !at.refuse
	case <-r.Context().Done():
		return false
	}
}

// hold holds the requests with that in their body.
func (g *gates) hold(what string) *shutGate {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut[what] = &shutGate{came: make(chan struct{}, 100), open: make(chan struct{})}
	return g.shut[what]
}

// release lets all pass.
func (s *shutGate) release() {
	select {
	case <-s.open:
	default:
		close(s.open)
	}
}

func (g *gates) openAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, at := range g.shut {
		at.release()
	}
}

// arrived are the requests with that in their body, in their order.
func (g *gates) arrived(what string) (all []post) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.seen {
		if strings.Contains(p.body, what) {
			all = append(all, p)
		}
	}
	return all
}

// wait waits until one has come.
func (g *gates) wait(what string, at *shutGate) {
	g.T.Helper()
	select {
	case <-at.came:
	case <-time.After(apptest.Timeout):
		g.T.Fatalf("%s has not come in %s", what, apptest.Timeout)
	}
}

// publishTo publishes an event to the channel news, as an app does for a client that
// sends to others; but empty. It is answered with a status.
func publishTo(s *apptest.Stack, event, but string) (status int, err error) {
	body := fmt.Sprintf(`{"name":%q,"channel":"news","data":"{}"}`, event)
	if but != "" {
		body = fmt.Sprintf(`{"name":%q,"channel":"news","data":"{}","socket_id":%q}`, event, but)
	}
	const path = "/apps/" + devnode.DefaultAppID + "/events"
	query := devnode.Sign(http.MethodPost, path, nil, []byte(body), devnode.DefaultAppKey, devnode.DefaultAppSecret).Encode()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: apptest.Timeout}
	r, err := client.Post("http://"+s.Address+path+"?"+query, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.StatusCode, err
}

// publish is answered with 200 before it returns.
func (g *gates) publish(event, but string) {
	g.T.Helper()
	if status, err := publishTo(g.Stack, event, but); err != nil || status != http.StatusOK {
		g.T.Errorf("%s: got %d, %v, want 200", event, status, err)
	}
}

// begin publishes, and is answered later.
func (g *gates) begin(event, but string) (answered chan struct{}) {
	answered = make(chan struct{})
	go func() {
		defer close(answered)
		g.publish(event, but)
	}()
	return answered
}

func (g *gates) until(what string, c <-chan struct{}) {
	g.T.Helper()
	select {
	case <-c:
	case <-time.After(apptest.Timeout):
		g.T.Fatalf("not in %s: %s", apptest.Timeout, what)
	}
}

// gets publishes a last event, and returns how often the client got the other
// one until then.
func (g *gates) gets(c *subscriber, event string) int {
	g.T.Helper()
	last := fmt.Sprintf("last %d", g.last.Add(1))
	g.publish(last, "")
	return count(c.wait(last, func(all []devnodeMessage) bool { return count(all, last, "news") == 1 }), event, "news")
}

// wantToOthers looks whether others got an event, once, and its sender did not.
func (g *gates) wantToOthers(event string, sender, other *subscriber) {
	g.T.Helper()
	if got := g.gets(other, event); got != 1 {
		g.T.Errorf("%s: the other client got it %d times, want once", event, got)
	}
	if got := g.gets(sender, event); got != 0 {
		g.T.Errorf("%s: its sender got it %d times, want never", event, got)
	}
}

// bystander is a client of a node that Fermata knows nothing of, and does not move.
func (g *gates) bystander() *subscriber {
	g.T.Helper()
	p, err := g.DialAt(g.Nodes[0].Addr().String(), nil)
	if err != nil {
		g.T.Fatal(err)
	}
	return subscribeAs(g.T, p, "news")
}

// beside is the other one of two nodes.
func beside(node string) string {
	if node == "reverb-1" {
		return "reverb-2"
	}
	return "reverb-1"
}

func (g *gates) isDrained(node string) {
	g.T.Helper()
	g.Eventually(node+" is drained", func() bool { return g.NodesNow()[node].State == admin.StateDrained })
}

// The event is delivered when the client is on its new node, which does not know the
// id that is left out.
func TestAnEventThatANodeIsSlowToPublishIsNotSeenByItsSenderAfterAMove(t *testing.T) {
	g := newGates(t, 2, "session: {timeout: 1m}\n")
	sender, other := subscribe(t, g.Stack, "news"), g.bystander()
	slow := g.hold("slow")
	answered := g.begin("slow", sender.ID)
	g.wait("the event", slow)
	to := g.Node(beside(sender.Node))
	before := to.Subscribers("news")
	g.Drain(sender.Node, admin.DrainRequest{})
	g.Eventually("the session is there, too", func() bool { return to.Subscribers("news") > before })
	for i := range 3 { // there is time to do it wrong
		g.gets(sender, fmt.Sprint(i))
	}
	if got := g.arrived(marker); len(got) != 0 {
		t.Errorf("got the marker %v before the event, want it to wait", got)
	}
	slow.release()
	g.until("the event is answered", answered)
	g.isDrained(sender.Node)
	g.wantToOthers("slow", sender, other)
}

func TestAnEventOfAClientThatIsJustMovedWaitsAndGoesToItsNewNode(t *testing.T) {
	g := newGates(t, 2, "session: {timeout: 1m}\n")
	sender, other := subscribe(t, g.Stack, "news"), g.bystander()
	from, to := sender.Node, beside(sender.Node)
	for round := range 3 { // the first time by the id that it was told, then by another
		cut := g.hold(marker)
		g.Drain(from, admin.DrainRequest{})
		g.wait("the marker", cut)
		event := fmt.Sprintf("early %d", round)
		answered := g.begin(event, sender.ID)
		g.publish("of somebody else", "9.9")
		g.publish("to all", "")
		if got := g.arrived(event); len(got) != 0 {
			t.Errorf("round %d: got %v within the move, want it to wait", round, got)
		}
		cut.release()
		g.until("the event is answered", answered)
		g.wantToOthers(event, sender, other)
		if got := g.arrived(event); len(got) != 1 || got[0].node != to {
			t.Errorf("round %d: got the event at %v, want it at %s, where its sender is", round, got, to)
		}
		g.isDrained(from)
		g.Undrain(from)
		from, to = to, from
	}
}

func TestAnEventOfAClientWhoseMoveIsGivenUpGoesOn(t *testing.T) {
	g := newGates(t, 2, "session: {timeout: 1m}\n")
	sender, other := subscribe(t, g.Stack, "news"), g.bystander()
	cut := g.hold(marker)
	g.Drain(sender.Node, admin.DrainRequest{})
	g.wait("the marker", cut)
	answered := g.begin("early", sender.ID)
	g.publish("to all", "")
	g.Undrain(sender.Node) // so that nobody is closed
	cut.refuse = true
	cut.release()
	g.until("the event is answered", answered)
	g.wantToOthers("early", sender, other)
	if got := g.arrived("early"); len(got) != 1 || !strings.Contains(got[0].body, sender.ID) {
		t.Errorf("got %v, want the event with the id %s", got, sender.ID)
	}
	if g.Logs.Has("client closed") {
		t.Error("a client was closed")
	}
}

func TestAStopDoesNotLeaveEventsUnanswered(t *testing.T) {
	g := newGates(t, 2, "session: {timeout: 1m}\n")
	sender := subscribe(t, g.Stack, "news")
	cut := g.hold(marker)
	g.Drain(sender.Node, admin.DrainRequest{})
	g.wait("the marker", cut)
	answered := g.begin("early", sender.ID)
	g.publish("to all", "")
	if got := g.arrived("early"); len(got) != 0 {
		t.Errorf("got %v within the move, want it to wait", got)
	}
	stopped := g.Stopped()
	g.until("the event is answered", answered)
	g.until("Fermata has stopped", stopped)
	if got := g.arrived("early"); len(got) != 1 {
		t.Errorf("got %v, want the event once", got)
	}
}

// A node that is stuck must not keep the clients of another.
func TestAnEventThatIsNeverAnsweredHoldsUpNoMove(t *testing.T) {
	g := newGates(t, 2, "session: {timeout: 2s}\n")
	sender := subscribe(t, g.Stack, "news")
	stuck := g.hold("stuck")
	answered := g.begin("stuck", sender.ID)
	g.wait("the event", stuck)
	g.Drain(sender.Node, admin.DrainRequest{})
	g.isDrained(sender.Node)
	if g.Logs.Has("client closed") {
		t.Error("the client was closed, want it moved")
	}
	stuck.release()
	g.until("the event is answered", answered)
}

func TestNobodyGetsItsOwnEventThroughTwentyDrains(t *testing.T) {
	s := apptest.New(t, 3, steady(apptest.Even+known))
	var clients []*subscriber
	for range 6 {
		clients = append(clients, subscribe(t, s, "news"))
	}
	stop := make(chan struct{})
	published := make([][]time.Duration, len(clients))
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() { published[i] = c.sendToOthers(s, stop) })
	}
	for round := range 20 {
		node := fmt.Sprintf("reverb-%d", round%3+1)
		s.DrainWhole(node, admin.DrainRequest{})
		s.Undrain(node)
	}
	close(stop)
	all.Wait()
	if status, err := publishTo(s, "over", ""); err != nil || status != http.StatusOK {
		t.Fatalf("got %d, %v, want 200", status, err)
	}
	for i, c := range clients {
		c.wantEachOnce(i, clients, published)
	}
	if s.Logs.Has("client closed") {
		t.Error("a client was closed")
	}
	t.Logf("published %v", counts(published))
}

// sendToOthers publishes numbered events of the client until stop is closed, and
// returns how long each of them took.
func (c *subscriber) sendToOthers(s *apptest.Stack, stop chan struct{}) (took []time.Duration) {
	for {
		select {
		case <-stop:
			return took
		default:
		}
		began := time.Now()
		if status, err := publishTo(s, fmt.Sprintf("%s: %d", c.ID, len(took)), c.ID); err != nil || status != http.StatusOK {
			c.t.Errorf("%s: event %d: got %d, %v, want 200", c.ID, len(took), status, err)
			return took
		}
		took = append(took, time.Since(began))
	}
}

func counts(published [][]time.Duration) (all []int) {
	for _, took := range published {
		all = append(all, len(took))
	}
	return all
}

// wantEachOnce looks whether the client, which is number self, has got each event of
// the others once, and none of its own.
func (c *subscriber) wantEachOnce(self int, all []*subscriber, published [][]time.Duration) {
	c.t.Helper()
	times := make(map[string]int)
	for _, m := range c.wait("the last event", func(all []devnodeMessage) bool { return count(all, "over", "news") == 1 }) {
		times[m.Event]++
	}
	for i, sender := range all {
		for n, took := range published[i] {
			got, want := times[fmt.Sprintf("%s: %d", sender.ID, n)], 1
			if i == self {
				want = 0
			}
			if got != want {
				c.t.Errorf("client %d: event %d of client %d, which took %s: got it %d times, want %d", self, n, i, took, got, want)
			}
		}
	}
}
