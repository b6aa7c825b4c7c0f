package devnode

import (
	"net/http"
	"testing"
	"time"
)

func startBus(t *testing.T) *Bus {
	t.Helper()
	b, err := StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

func TestAnEventOnOneNodeReachesTheClientsOfAll(t *testing.T) {
	bus := startBus(t)
	var peers []*peer
	var nodes []*Node
	for range 3 {
		n := start(t, Options{Bus: bus.Addr()})
		p := greeted(t, n)
		p.subscribe(n, "private-a", "")
		nodes, peers = append(nodes, n), append(peers, p)
	}
	nodes[0].Publish("private-a", "said", "hello")
	for _, p := range peers {
		p.want("said")
	}
	peers[0].send(`{"event":"client-hi","channel":"private-a","data":{}}`)
	for _, p := range peers[1:] {
		p.want("client-hi")
	}
}

func TestCountsAreSumsOverTheNodes(t *testing.T) {
	bus := startBus(t)
	a, b := start(t, Options{Bus: bus.Addr()}), start(t, Options{Bus: bus.Addr()})
	greeted(t, a).subscribe(a, "presence-x", `{"user_id":"1"}`)
	greeted(t, b).subscribe(b, "presence-x", `{"user_id":"1"}`)
	greeted(t, b).subscribe(b, "presence-x", `{"user_id":"2"}`)
	if _, got := call(t, a, "GET", "/apps/"+DefaultAppID+"/connections", nil, ""); got != `{"connections":3}` {
		t.Errorf("got %s, want 3", got)
	}
	query := map[string][]string{"info": {"user_count"}}
	if _, got := call(t, b, "GET", "/apps/"+DefaultAppID+"/channels", query, ""); got != `{"channels":{"presence-x":{"user_count":2}}}` {
		t.Errorf("got %s, want 2 users", got)
	}
}

func TestAFrozenNodeHoldsTheCountsOfTheOthersUp(t *testing.T) {
	bus := startBus(t)
	a := start(t, Options{Bus: bus.Addr(), GatherTimeout: 100 * time.Millisecond})
	b := start(t, Options{Bus: bus.Addr()})
	greeted(t, a).subscribe(a, "news", "")
	b.Freeze()
	began := time.Now()
	if _, got := call(t, a, "GET", "/apps/"+DefaultAppID+"/connections", nil, ""); got != `{"connections":1}` {
		t.Errorf("got %s, want 1", got)
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("took %v, want 100ms at least", took)
	}
}

func TestWithoutTheBusPostsAre200AndNodesEndAfterAWhile(t *testing.T) {
	t.Parallel()
	bus := startBus(t)
	n := start(t, Options{Bus: bus.Addr(), BusTimeout: 3 * time.Second})
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	bus.Stop()
	if got, _ := call(t, n, "POST", "/apps/"+DefaultAppID+"/events", nil, `{"name":"e","channel":"news","data":"d"}`); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	p.wantEnd(-1)
	<-n.Done()
}

func TestANodeFindsItsBusAgain(t *testing.T) {
	bus := startBus(t)
	n := start(t, Options{Bus: bus.Addr()})
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	bus.Stop()
	back, err := StartBus(bus.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Stop)
	other := start(t, Options{Bus: bus.Addr()})
	for found := false; !found; { // until both are on it
		_, got := call(t, other, "GET", "/apps/"+DefaultAppID+"/connections", nil, "")
		found = got == `{"connections":1}`
	}
	other.Publish("news", "said", "hello")
	p.want("said")
}

func TestANodeWithoutItsBusDoesNotStart(t *testing.T) {
	bus := startBus(t)
	bus.Stop()
	if n, err := Start("127.0.0.1:0", Options{Bus: bus.Addr()}); err == nil {
		n.Stop()
		t.Error("it started")
	}
}
