package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"fermata/balancer"
	"fermata/internal/lab/devnode"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// newPredecessor is in front of nodes on a bus, with sessions.
func newPredecessor(t *testing.T, nodes int) *scene {
	t.Helper()
	s := newSceneOf(t, startNodes(t, nodes))
	s.change(func(o *Options) {
		o.Apps, o.Session = []session.App{knownApp}, DefaultSession()
		o.Session.Timeout = patience
	})
	return s
}

// successor is another Fermata in front of the same nodes, with the same options.
func (s *scene) successor() *scene {
	s.Helper()
	next := newSceneOf(s.T, s.nodes)
	next.h.SetOptions(*s.h.options.Load())
	next.serve()
	return next
}

// batch is how many are handed over at once.
const batch = 3

// handOver hands all clients over that do not stay.
func (s *scene) handOver(to *scene) {
	s.Helper()
	s.until("all are handed over", func() bool {
		leaving, left := s.h.HandOver(s.Context(), batch)
		for _, l := range leaving {
			s.give(l, to).Start()
		}
		return len(leaving) == 0 && left.Later == 0
	})
}

// give has another process have a client, which it does not relay so far.
func (s *scene) give(l *Leaving, to *scene) *Arriving {
	s.Helper()
	a, err := s.copy(l, to)
	if err != nil {
		s.Fatalf("got %v for %s, want it received", err, l.State())
	}
	l.Gone()
	return a
}

// copy is what the other process makes of a client.
func (s *scene) copy(l *Leaving, to *scene) (*Arriving, error) {
	s.Helper()
	return to.h.Receive(s.dup(l.Client()), s.dup(l.Node()), l.State())
}

func (s *scene) dup(fd int) int {
	s.Helper()
	fd, err := unix.FcntlInt(uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		s.Fatal(err)
	}
	return fd
}

// detachOne detaches the only client.
func (s *scene) detachOne() *Leaving {
	s.Helper()
	var leaving []*Leaving
	s.until("the client is at rest", func() bool {
		leaving, _ = s.h.HandOver(s.Context(), 1)
		return len(leaving) == 1
	})
	return leaving[0]
}

// listener is a client that notes what it gets.
type listener struct {
	*websocket.Conn
	s  *scene
	id string // that it was told

	mu   sync.Mutex
	got  []message
	over error
}

type message struct{ Event, Channel, Data string }

// listen connects a client.
func (s *scene) listen() *listener {
	s.Helper()
	before := s.moves.Clients()
	conn, err := s.dial()
	if err != nil {
		s.Fatal(err)
	}
	l := &listener{Conn: conn, s: s}
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.read()
	}()
	s.Cleanup(func() {
		conn.CloseNow()
		<-over
	})
	var greeting struct {
		ID string `json:"socket_id"`
	}
	json.Unmarshal([]byte(l.wait("pusher:connection_established", "", 1)), &greeting)
	l.id = greeting.ID
	s.until("the client can be moved", func() bool { return s.moves.Clients() > before })
	return l
}

func (l *listener) read() {
	for {
		_, text, err := l.Read(context.Background())
		var m message
		var raw struct {
			Event, Channel string
			Data           json.RawMessage
		}
		if err == nil {
			err = json.Unmarshal(text, &raw)
			m = message{raw.Event, raw.Channel, string(raw.Data)}
			json.Unmarshal(raw.Data, &m.Data)
		}
		l.mu.Lock()
		if err == nil {
			l.got = append(l.got, m)
		}
		l.over = err
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// all is what has come so far of an event on a channel.
func (l *listener) all(event, channel string) (data []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		if m.Event == event && m.Channel == channel {
			data = append(data, m.Data)
		}
	}
	return data
}

// wait waits for so many events, and returns the last one's data.
func (l *listener) wait(event, channel string, count int) string {
	l.s.Helper()
	l.s.until(fmt.Sprintf("%d of %s on %q", count, event, channel), func() bool { return len(l.all(event, channel)) >= count })
	return l.all(event, channel)[count-1]
}

// say sends a message.
func (l *listener) say(event string, data any) {
	l.s.Helper()
	text, _ := json.Marshal(map[string]any{"event": event, "data": data})
	if err := l.Write(l.s.Context(), websocket.MessageText, text); err != nil {
		l.s.Error(err)
	}
}

// join subscribes to a channel.
func (l *listener) join(channel string) {
	l.s.Helper()
	data := map[string]string{"channel": channel}
	if strings.HasPrefix(channel, "presence-") {
		data["channel_data"] = fmt.Sprintf(`{"user_id":%q}`, l.id)
	}
	if strings.HasPrefix(channel, "private-") || strings.HasPrefix(channel, "presence-") {
		data["auth"] = devnode.SignChannel(l.id, channel, data["channel_data"], devnode.DefaultAppKey, devnode.DefaultAppSecret)
	}
	before := len(l.all("pusher_internal:subscription_succeeded", channel))
	l.say("pusher:subscribe", data)
	l.wait("pusher_internal:subscription_succeeded", channel, before+1)
}

// answers is whether the node still answers the client.
func (l *listener) answers() {
	l.s.Helper()
	before := len(l.all("pusher:pong", ""))
	l.say("pusher:ping", nil)
	l.wait("pusher:pong", "", before+1)
}

// publish publishes through Fermata, as an app does.
func (s *scene) publish(event, channel, data, but string) {
	s.Helper()
	body, _ := json.Marshal(map[string]string{"name": event, "channel": channel, "data": data, "socket_id": but})
	if but == "" {
		body, _ = json.Marshal(map[string]string{"name": event, "channel": channel, "data": data})
	}
	const path = "/apps/" + devnode.DefaultAppID + "/events"
	query := devnode.Sign(http.MethodPost, path, nil, body, devnode.DefaultAppKey, devnode.DefaultAppSecret).Encode()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Post("http://"+s.address+path+"?"+query, "application/json", strings.NewReader(string(body)))
	if err != nil {
		s.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		s.Errorf("publish %s: got %d, want 200", event, r.StatusCode)
	}
}

// counted is everything that counts clients.
type counted struct {
	clients, open, movable   int
	nodes, relayed, sessions string // by node
	subscriptions, aliases   int
	addresses                int // that Limits.ClientsPerIP counts
}

func (s *scene) counted() (now counted) {
	clients, _ := s.h.Clients()
	now.clients, now.open, now.movable = int(clients), s.h.open.Open(), s.moves.Clients()
	tallies := s.h.Tallies()
	for _, n := range s.pool.Nodes() {
		relayed, sessions := 0, 0
		for _, t := range tallies {
			if t.Node == n.Name {
				relayed, sessions = t.Apps[devnode.DefaultAppKey], t.Sessions
			}
		}
		now.nodes += fmt.Sprint(n.Connections)
		now.relayed += fmt.Sprint(relayed)
		now.sessions += fmt.Sprint(sessions)
	}
	for _, each := range s.h.Subscriptions() {
		now.subscriptions += int(each.Count)
	}
	s.h.aliases.mu.Lock()
	defer s.h.aliases.mu.Unlock()
	s.h.crowd.mu.Lock()
	defer s.h.crowd.mu.Unlock()
	now.aliases, now.addresses = len(s.h.aliases.told), len(s.h.crowd.clients)
	return now
}

func (s *scene) wantCounted(when string, want counted) {
	s.Helper()
	if got := s.counted(); got != want {
		s.Errorf("%s: got %+v, want %+v", when, got, want)
	}
}

// nobody is what counts nobody at two nodes.
var nobody = counted{nodes: "00", relayed: "00", sessions: "00"}

// nodeOf is the node of the only client.
func (s *scene) nodeOf() *balancer.Node {
	s.Helper()
	for _, n := range s.pool.Nodes() {
		if n.Connections > 0 {
			return n.Node
		}
	}
	s.Fatal("got no client on any node, want one")
	return nil
}

// devnodeOf is that of a node of the pool.
func (s *scene) devnodeOf(n *balancer.Node) *devnode.Node {
	var i int
	fmt.Sscanf(n.Name(), "reverb-%d", &i)
	return s.nodes[i-1]
}

// drain moves the clients off a node.
func (s *scene) drain(n *balancer.Node) {
	s.Helper()
	if _, err := s.pool.Drain(n.Name(), balancer.Drain{Force: true}); err != nil {
		s.Fatal(err)
	}
	s.moves.Move(n, moves.Move{By: relay.ByDrain, Code: 4200}, nil)
}

// ended waits for the client's end, and is the code of its Close frame; -1: it got none.
func (l *listener) ended() int {
	l.s.Helper()
	l.s.until("the client is closed", func() bool { return l.err() != nil })
	return int(websocket.CloseStatus(l.err()))
}

func (l *listener) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// wantNoMetric is for one that has no series.
func wantNoMetric(t *testing.T, registry prometheus.Gatherer, name string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			t.Errorf("got %v, want no %s", family, name)
		}
	}
}
