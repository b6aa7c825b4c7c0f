package proxy

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
	"fermata/proxy/moves"
	"fermata/proxy/session"
)

// pair are two members of a cluster in front of the same nodes. What one announces,
// the other learns at once.
type pair struct {
	one, other *front

	mu     sync.Mutex
	number uint64
	said   []MovedID
}

func startPair(t *testing.T, nodes int) *pair {
	t.Helper()
	p := &pair{}
	all := startNodes(t, nodes)
	p.other = startFrontOf(t, all, nil)
	p.one = startFrontOf(t, all, p.announce)
	return p
}

func (p *pair) announce(app, told string) (heard <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.one.h.Moved(app, told)
	p.number++
	p.said = append(p.said, m)
	p.other.h.Learn("one", Announcement{Number: p.number, IDs: []MovedID{m}})
	return nil
}

// announced is what was said.
func (p *pair) announced() []MovedID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said
}

// move has the client that was told the id moved to another node, and returns where
// it is then.
func (p *pair) move(t *testing.T, told string) alias {
	t.Helper()
	h := p.one.h
	is, _ := h.aliases.of(devnode.DefaultAppID, told)
	if _, err := h.pool.Drain(is.node.Name(), balancer.Drain{}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	h.moves.Move(is.node, moves.Move{Code: 4200}, func() { close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the client was not moved")
	}
	if _, err := h.pool.Undrain(is.node.Name()); err != nil {
		t.Fatal(err)
	}
	now, known := h.aliases.of(devnode.DefaultAppID, told)
	if !known || now.present == is.present {
		t.Fatalf("got %+v, want it at another node", now)
	}
	return now
}

// wantNext reads one message of a client.
func (p *pair) wantNext(t *testing.T, client *websocket.Conn, event string) {
	t.Helper()
	if got := p.one.hears(t, client); !bytes.Contains(got, []byte(event)) {
		t.Errorf("got %s, want %s", got, event)
	}
}

// shipped is a request that publishes an event but to a client.
func shipped(event, told string) string {
	return fmt.Sprintf(`{"name":%q,"data":"{}","channel":"orders","socket_id":%q}`, event, told)
}

// The node that a request reaches can be any, and only the client's own one leaves it
// out, up to Reverb 1.10.2.
func TestAMovedClientDoesNotGetItsOwnEventThroughAnotherMember(t *testing.T) {
	p := startPair(t, 3)
	sender, told := p.one.subscribed(t)
	bystander, _ := p.other.subscribed(t)
	for round := range 3 {
		is := p.move(t, told)
		for i := range 4 {
			event := fmt.Sprintf("shipped %d-%d", round, i)
			p.other.publish(t, appPath+"/events", shipped(event, told))
			p.wantNext(t, bystander, event)
		}
		p.other.publish(t, appPath+"/events", toAll)
		p.wantNext(t, bystander, "to all")
		p.wantNext(t, sender, "to all") // and nothing before
		where, _ := p.other.h.where(devnode.DefaultAppID, told)
		if where.present != is.present || where.node.Name() != is.node.Name() || where.moving != nil {
			t.Errorf("round %d: the other member takes it for %+v, want %+v", round, where, is)
		}
	}
}

func TestMembersAreToldOfAMoveWhenItBeginsAndWhenItIsOver(t *testing.T) {
	p := startPair(t, 2)
	client, told := p.one.subscribed(t)
	from, _ := p.one.h.aliases.of(devnode.DefaultAppID, told)
	if _, err := p.one.h.pool.Drain(from.node.Name(), balancer.Drain{}); err != nil {
		t.Fatal(err)
	}
	unmoved, _ := p.one.subscribed(t) // on the other node
	unmoved.CloseNow()
	if got := p.announced(); len(got) != 0 {
		t.Errorf("got %+v of clients that were not moved, want nothing", got)
	}
	is := p.move(t, told)
	client.Close(websocket.StatusNormalClosure, "")
	want := []MovedID{
		{App: devnode.DefaultAppID, Told: told, Present: told, Node: from.node.Name(), Moving: true},
		{App: devnode.DefaultAppID, Told: told, Present: is.present, Node: is.node.Name()},
		{App: devnode.DefaultAppID, Told: told},
	}
	for deadline := time.Now().Add(patience); len(p.announced()) < len(want) && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if got := p.announced(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !p.other.h.learned.none() {
		t.Error("the other member remembers a client that has gone")
	}
}

func TestARequestWaitsForAMoveAtAnotherMember(t *testing.T) {
	h := handlerOf(poolOf(1))
	o := &Options{Apps: []session.App{knownApp}, Session: SessionOptions{Timeout: patience}}
	h.SetOptions(*o)
	m := MovedID{App: devnode.DefaultAppID, Told: "1.2", Present: "1.2", Node: "reverb-1", Moving: true}
	h.Learn("edge-2", Announcement{Number: 1, IDs: []MovedID{m}})
	const path = appPath + "/events"
	if _, body := pass(t, h, "POST", signedFor(path, path, toAll, nil), toAll, o); body != toAll {
		t.Errorf("got %s, want what names nobody at once and as it was", body)
	}
	passed := make(chan string)
	go func() {
		_, body := pass(t, h, "POST", signedFor(path, path, toOthers, nil), toOthers, o)
		passed <- body
	}()
	for range 20 { // there is time to do it wrong
		pass(t, h, "POST", signedFor(path, path, toAll, nil), toAll, o)
	}
	select {
	case got := <-passed:
		t.Errorf("got %s within the move, want it to wait", got)
	default:
	}
	m.Present, m.Moving = ofTheNode, false
	h.Learn("edge-2", Announcement{Number: 2, IDs: []MovedID{m}})
	select {
	case got := <-passed:
		if got != replaced {
			t.Errorf("got %s, want %s", got, replaced)
		}
	case <-time.After(patience):
		t.Fatal("the request still waits after the move")
	}
}
