package demo

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"fermata/internal/lab/browser"
	"fermata/internal/lab/devnode"
)

// road is what stands between the page and the nodes here: it takes every
// connection to one of them, and never looks inside.
type road struct {
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	to    *devnode.Node
	conns map[net.Conn]bool
}

func newRoad(t *testing.T, to *devnode.Node) *road {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{listener: listener, to: to, conns: make(map[net.Conn]bool)}
	r.work.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

func (r *road) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns[c] = true
		to := r.to.Addr().String()
		r.mu.Unlock()
		r.work.Go(func() { carry(c, to) })
	}
}

func carry(c net.Conn, to string) {
	defer c.Close()
	node, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer node.Close()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(node, c); node.Close() })
	both.Go(func() { io.Copy(c, node); c.Close() })
	both.Wait()
}

func (r *road) close() {
	r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

func (r *road) lead(to *devnode.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

func TestThePageFollowsItsNodeInABrowser(t *testing.T) {
	a, b := startNode(t, devnode.Options{Name: "reverb-1"}), startNode(t, devnode.Options{Name: "reverb-2"})
	way := newRoad(t, a)
	server := httptest.NewUnstartedServer(nil)
	o := options(a)
	o.WebSocket, o.API = "ws://"+way.listener.Addr().String(), "http://"+way.listener.Addr().String()
	o.Nodes = func() any {
		list := []map[string]any{}
		for _, n := range []*devnode.Node{a, b} {
			list = append(list, map[string]any{"name": n.Stats().Name, "health": "up", "state": "ready", "connections": n.Connections()})
		}
		return list
	}
	o.Drain = func(string) error { way.lead(b); go a.CloseClients(4200, "drain"); return nil }
	o.Undrain = func(string) error { return nil }
	server.Config.Handler = Page(o)
	server.Start()
	t.Cleanup(server.Close)

	page := browser.Open(t, server.URL)
	page.Do(
		browser.Until(`document.getElementById("node").textContent === "reverb-1"`),
		browser.Until(`document.querySelectorAll("#nodes li").length === 2`),
		browser.Until(`document.getElementById("detail").textContent.includes("on private-demo")`),
		browser.Type("#text", "hello\r"),
		browser.Until(`document.querySelector("#messages .text")?.textContent === "hello"`),
		browser.Click("#nodes li:first-child button"),
		browser.Until(`document.getElementById("node").textContent === "reverb-2"`),
		browser.Until(`document.querySelector("#moves li").textContent.includes("closed with 4200")`),
	)
	// A FIN without a Close frame: 1006, and back after a second.
	way.lead(a)
	b.Stop()
	page.Do(
		browser.Until(`document.getElementById("node").textContent === "reverb-1"`),
		browser.Until(`document.querySelector("#moves li").textContent.includes("closed with 1006")`))
	page.ComplainsOnlyOf()
}

func TestThePageShowsTheNodeThatHasItsSocketAndWhatItHasMissedInABrowser(t *testing.T) {
	n := startNode(t, devnode.Options{Name: "reverb-1"})
	o := options(n)
	now := make(chan string, 1)
	now <- "reverb-1"
	o.Nodes = func() any { return []any{} }
	o.NodeOf = func(channel string) string {
		name := <-now
		now <- name
		if n.Subscribers(channel) == 0 {
			name = ""
		}
		return name
	}
	tick := func(number int) {
		n.Publish(Channel, "tick", fmt.Sprintf(`{"n":%d}`, number))
	}
	counts := func(want string) chromedp.Action[chromedp.Void] {
		return browser.Until(fmt.Sprintf(`document.getElementById("counts").textContent === %q`, want))
	}
	page := browser.Open(t, servePage(t, o))
	page.Do(
		browser.Until(`document.getElementById("node").textContent === "reverb-1"`),
		browser.Until(`document.getElementById("detail").textContent.includes("on private-demo")`),
		counts("0 reconnects"))
	tick(7)
	page.Do(counts("0 reconnects · 1 event, none missed"))
	<-now
	now <- "reverb-2" // behind its back
	page.Do(
		browser.Until(`document.getElementById("node").textContent === "reverb-2"`),
		browser.Until(`document.querySelector("#moves li").textContent.includes("the socket stayed")`),
		counts("0 reconnects · moved 1 time · 1 event, none missed"))
	tick(10)
	page.Do(counts("0 reconnects · moved 1 time · 2 events, 2 missed"))
	n.CloseClients(4200, "drain")
	page.Do(counts("1 reconnect · moved 1 time · 2 events, 2 missed"))
	page.ComplainsOnlyOf()
}

func TestThePageWaitsAsPusherJSDoes(t *testing.T) {
	page := browser.Open(t, servePage(t, PageOptions{WebSocket: "ws://127.0.0.1:1"}))
	f := func(codes []int, want string) {
		t.Helper()
		for _, code := range codes {
			script := fmt.Sprintf(`import("/connection.js").then((m) => String(m.waitAfter(%d)))`, code)
			if got := page.Text(script); got != want {
				t.Errorf("%d: got %s, want %s", code, got, want)
			}
		}
	}
	f([]int{4200, 4250, 4299}, "0")
	f([]int{1000, 1001, 1005, 1006, 1012, 1013, 4100, 4199}, "1000")
	f([]int{4001, 4009, 4099, 4300, 4999}, "null")
}
