package health

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/pusher"
)

var fleetApp = App{ID: "id", Key: "key", Secret: "secret"}

// fleet is nodes in memory that deliver each other's events, and their check.
type fleet struct {
	t        *testing.T
	delivery *Delivery
	pongs    chan string

	mu      sync.Mutex
	plan    Plan
	nodes   map[string]*fleetNode
	reports []Delivered
}

// fleetNode is a node as Reverb is one.
type fleetNode struct {
	name       string
	deaf, mute bool
	silent     bool   // takes a subscription without an answer
	hangsUp    bool   // on its clients, when it gets an event to publish
	status     int    // of a POST
	greeting   string // or an error in its place
	dialError  error
	clients    map[*websocket.Conn]bool // whether it is subscribed
}

func newFleet(t *testing.T, names ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, nodes: make(map[string]*fleetNode)}
	f.plan = Plan{DeliveryOptions: DeliveryOptions{deliveryInterval, 2 * time.Second}, App: fleetApp, PathPrefix: "/ws"}
	for _, name := range names {
		f.nodes[name] = &fleetNode{name: name, status: 200, greeting: established, clients: make(map[*websocket.Conn]bool)}
		f.plan.Sites = append(f.plan.Sites, Site{name, Place{Address: name + ":8080", Dial: f.dial}})
	}
	return f
}

// run has the check run while the test does, in a bubble.
func (f *fleet) run(test func()) {
	f.t.Helper()
	synctest.Test(f.t, func(t *testing.T) {
		f.pongs = make(chan string, 1)
		f.delivery = NewDelivery(func() Plan {
			f.mu.Lock()
			defer f.mu.Unlock()
			p := f.plan
			p.Sites = slices.Clone(p.Sites)
			return p
		}, func(d Delivered) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.reports = append(f.reports, d)
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { f.delivery.Run(ctx) })
		test()
		stop()
		running.Wait()
		for name := range f.nodes {
			if open := f.clients(name); open != 0 {
				t.Errorf("got %d connections to %s after the end, want none", open, name)
			}
		}
	})
}

// dial is answered by a node of that name.
func (f *fleet) dial(_ context.Context, address string) (net.Conn, error) {
	name := strings.TrimSuffix(address, ":8080")
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.nodes[name].dialError; err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	l := &oneListener{conn: theirs, closed: make(chan struct{})}
	server := &http.Server{Handler: f.handler(name), ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed || s == http.StateHijacked {
			l.Close()
		}
	}}
	go server.Serve(l)
	return ours, nil
}

// oneListener accepts one connection.
type oneListener struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *oneListener) Accept() (conn net.Conn, err error) {
	if conn, l.conn = l.conn, nil; conn != nil {
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

func (f *fleet) handler(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/app/key", func(w http.ResponseWriter, r *http.Request) { f.client(name, w, r) })
	mux.HandleFunc("POST /ws/apps/id/events", func(w http.ResponseWriter, r *http.Request) { f.post(name, w, r) })
	return mux
}

func (f *fleet) client(name string, w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		f.t.Errorf("accept: %v", err)
		return
	}
	defer socket.CloseNow()
	n := f.nodes[name]
	f.change(name, func(n *fleetNode) { n.clients[socket] = false })
	defer f.change(name, func(n *fleetNode) { delete(n.clients, socket) })
	socket.Write(r.Context(), websocket.MessageText, []byte(n.greeting))
	for {
		_, text, err := socket.Read(context.Background())
		if err != nil {
			return
		}
		switch m, _ := pusher.Parse(text); {
		case m.Event == pusher.EventPong:
			f.pongs <- name
		case m.Event == pusher.EventSubscribe && !n.silent:
			f.change(name, func(n *fleetNode) { n.clients[socket] = true })
			socket.Write(context.Background(), websocket.MessageText, []byte(`{"event":"`+pusher.EventSubscribed+`"}`))
		}
	}
}

func (f *fleet) post(name string, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var event struct{ Name string }
	json.Unmarshal(body, &event)
	_, signature, _ := strings.Cut(pusher.SignedQuery("key", "secret", "POST", strings.TrimPrefix(r.URL.Path, "/ws"), body, time.Now()), "auth_signature=")
	if r.URL.Query().Get("auth_signature") != signature {
		f.t.Errorf("got %s, want the signature %s", r.URL, signature)
	}
	f.mu.Lock()
	status, mute, hangsUp := f.nodes[name].status, f.nodes[name].mute, f.nodes[name].hangsUp
	f.mu.Unlock()
	if hangsUp {
		f.cut(name)
	}
	if status == 200 && !mute {
		f.sayAll(event.Name)
	}
	w.WriteHeader(status)
}

// sayAll is what Redis does.
func (f *fleet) sayAll(event string) {
	for name, n := range f.nodes {
		f.mu.Lock()
		deaf := n.deaf
		f.mu.Unlock()
		if !deaf {
			f.say(name, event)
		}
	}
}

// say sends a message to a node's clients.
func (f *fleet) say(name, event string) {
	f.mu.Lock()
	sockets := slices.Collect(maps.Keys(f.nodes[name].clients))
	f.mu.Unlock()
	for _, socket := range sockets {
		socket.Write(context.Background(), websocket.MessageText, []byte(`{"event":"`+event+`"}`))
	}
}

// cut ends a node's clients, as its restart does.
func (f *fleet) cut(name string) {
	f.mu.Lock()
	sockets := slices.Collect(maps.Keys(f.nodes[name].clients))
	f.mu.Unlock()
	for _, socket := range sockets {
		socket.CloseNow()
	}
}

func (f *fleet) clients(name string) int {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.nodes[name].clients)
}

func (f *fleet) change(name string, change func(*fleetNode)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.nodes[name])
}

func (f *fleet) changeAll(change func(*fleetNode)) {
	for name := range f.nodes {
		f.change(name, change)
	}
}

func (f *fleet) setPlan(change func(*Plan)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.plan)
}

func (f *fleet) leaveOut(name string) {
	f.setPlan(func(p *Plan) {
		p.Sites = slices.DeleteFunc(p.Sites, func(s Site) bool { return s.Name == name })
	})
}

// untilRound returns after so many rounds more.
func (f *fleet) untilRound(more int) {
	f.t.Helper()
	synctest.Wait()
	for want := f.rounds() + more; f.rounds() < want; {
		pass(100 * time.Millisecond)
	}
}

// rounds is how many there were.
func (f *fleet) rounds() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reports)
}

// roundsIn is how many there are in so much time from now on.
func (f *fleet) roundsIn(d time.Duration) int {
	before := f.rounds()
	pass(d)
	return f.rounds() - before
}

func (f *fleet) last() Delivered {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.reports) == 0 {
		return Delivered{}
	}
	return f.reports[len(f.reports)-1]
}

func (f *fleet) all(same NodeDelivery) map[string]NodeDelivery {
	all := make(map[string]NodeDelivery)
	for name := range f.nodes {
		all[name] = same
	}
	return all
}

func (f *fleet) want(nodes map[string]NodeDelivery, lost string) {
	f.t.Helper()
	got := f.last()
	same := maps.EqualFunc(got.Nodes, nodes, func(a, b NodeDelivery) bool {
		return a.Up == b.Up && (a.Objection == nil) == (b.Objection == nil) && (a.Objection == nil || *a.Objection == *b.Objection)
	})
	if !same || got.Lost != lost {
		f.t.Errorf("got %+v, want the nodes %+v and %q", got, nodes, lost)
	}
}

func (f *fleet) wantNever(bad func(Delivered) bool) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := slices.IndexFunc(f.reports, bad); at >= 0 {
		f.t.Errorf("got %+v in report %d, want it never", f.reports[at], at)
	}
}
