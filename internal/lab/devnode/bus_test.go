package devnode

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
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

func TestANodeExcludesNoClientOfAnother(t *testing.T) {
	bus := startBus(t)
	a, b := start(t, Options{Bus: bus.Addr()}), start(t, Options{Bus: bus.Addr()})
	p := greeted(t, a)
	p.subscribe(a, "news", "")
	publish := func(n *Node, name string) {
		t.Helper()
		body := `{"name":"` + name + `","channel":"news","data":"","socket_id":"` + p.id + `"}`
		if got, answer := call(t, n, "POST", "/apps/"+DefaultAppID+"/events", nil, body); got != 200 {
			t.Fatalf("got %d %s", got, answer)
		}
	}
	publish(a, "excluded")
	publish(b, "by another node")
	p.want("by another node")
	b.SetFaults(Faults{CarrySender: true})
	publish(b, "excluded, too")
	b.Publish("news", "last", "")
	p.want("last")
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
	// Who is on two nodes counts twice, as in Reverb.
	if _, got := call(t, b, "GET", "/apps/"+DefaultAppID+"/channels", query, ""); got != `{"channels":{"presence-x":{"user_count":3}}}` {
		t.Errorf("got %s, want 3 users", got)
	}
	if _, got := call(t, b, "GET", "/apps/"+DefaultAppID+"/channels/presence-x/users", nil, ""); strings.Count(got, `"id"`) != 2 {
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
	waitFor(t, n, func(s Stats) bool { return !s.OnBus })
	back, err := StartBus(bus.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Stop)
	other := start(t, Options{Bus: bus.Addr()})
	waitFor(t, n, func(s Stats) bool { return s.OnBus })
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

func TestAllNodesDeliverInOneOrderHoweverSlowTheBus(t *testing.T) {
	bus := startBus(t)
	bus.SetDelay(10 * time.Millisecond)
	var nodes []*Node
	var peers []*peer
	for range 3 {
		n := start(t, Options{Bus: bus.Addr()})
		p := greeted(t, n)
		p.subscribe(n, "news", "")
		nodes, peers = append(nodes, n), append(peers, p)
	}
	var publishing sync.WaitGroup
	for _, n := range nodes {
		publishing.Go(func() {
			for i := range 50 {
				n.Publish("news", "said", fmt.Sprint(n.Addr(), i))
			}
		})
	}
	publishing.Wait()
	for i := range 3 * 50 {
		want := string(peers[0].want("said").Data)
		for _, p := range peers[1:] {
			if got := string(p.want("said").Data); got != want {
				t.Fatalf("event %d: got %s on one node and %s on another", i, got, want)
			}
		}
	}
}

func TestWhatIsPublishedWhileTheBusIsGoneComesWhenItIsBack(t *testing.T) {
	bus := startBus(t)
	n := start(t, Options{Bus: bus.Addr()})
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	bus.Stop()
	waitFor(t, n, func(s Stats) bool { return !s.OnBus })
	n.Publish("news", "one", "")
	n.Publish("news", "two", "")
	back, err := StartBus(bus.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Stop)
	p.want("one")
	p.want("two")
}

func TestAFrameOfAHundredKilobytesComesOverTheBus(t *testing.T) {
	bus := startBus(t)
	a, b := start(t, Options{Bus: bus.Addr()}), start(t, Options{Bus: bus.Addr()})
	p := greeted(t, b)
	p.subscribe(b, "news", "")
	a.Publish("news", "said", strings.Repeat("x", 100<<10))
	if m := p.want("said"); len(m.Data) != 100<<10+2 {
		t.Errorf("got %d bytes, want %d and quotes", len(m.Data), 100<<10)
	}
}

func TestNodesOnDifferentBusesDoNotHearOfEachOther(t *testing.T) {
	a, b := start(t, Options{Bus: startBus(t).Addr()}), start(t, Options{Bus: startBus(t).Addr()})
	p := greeted(t, b)
	p.subscribe(b, "news", "")
	a.Publish("news", "elsewhere", "")
	b.Publish("news", "here", "")
	p.want("here")
}

func TestANodeHasItsOwnUsersOnly(t *testing.T) {
	bus := startBus(t)
	a, b := start(t, Options{Bus: bus.Addr()}), start(t, Options{Bus: bus.Addr()})
	greeted(t, a).subscribe(a, "presence-x", `{"user_id":"1"}`)
	if got := greeted(t, b).subscribe(b, "presence-x", `{"user_id":"2"}`); !strings.Contains(string(got.Data), `\"ids\":[\"2\"]`) {
		t.Errorf("got %s, want user 2 alone", got.Data)
	}
	greeted(t, b).subscribe(b, "news", "")
	if got, _ := call(t, a, "GET", "/apps/"+DefaultAppID+"/channels/news/users", nil, ""); got != http.StatusNotFound {
		t.Errorf("users of a channel that only another node has: got %d, want 404", got)
	}
}

func TestWhatIsAnsweredComesBeforeWhatIsPublishedAfterIt(t *testing.T) {
	bus := startBus(t)
	n, other := start(t, Options{Bus: bus.Addr()}), start(t, Options{Bus: bus.Addr()})
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	for i := range 100 {
		body := fmt.Sprintf(`{"name":"first","channel":"news","data":"%d"}`, i)
		if status, text := call(t, n, "POST", "/apps/"+DefaultAppID+"/events", nil, body); status != 200 {
			t.Fatalf("got %d %s, want 200", status, text)
		}
		other.Publish("news", "second", "")
		p.want("first")
		p.want("second")
	}
}
