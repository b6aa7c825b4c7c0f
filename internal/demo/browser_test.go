package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"fermata/internal/devnode"
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

// browse opens the address in a headless Chromium, which ends with the test,
// and collects its complaints.
func browse(t *testing.T, address string) (tab context.Context, complaints func() []string) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("no chromium here; get what the tests need with: make setup")
	}
	tab = newTab(t)
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			all = append(all, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	do(t, tab, chromedp.Navigate(address))
	return tab, func() []string { mu.Lock(); defer mu.Unlock(); return all }
}

func newTab(t *testing.T) context.Context {
	t.Helper()
	life, end := context.WithTimeout(context.Background(), 5*time.Minute)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	browser, stop := chromedp.NewExecAllocator(life, flags...)
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(func() {
		if err := chromedp.Cancel(tab); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		closeTab()
		stop()
		end()
	})
	return tab
}

func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// until waits until the expression is true in the page.
func until(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience))
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

	tab, complaints := browse(t, server.URL)
	do(t, tab,
		until(`document.getElementById("node").textContent === "reverb-1"`),
		until(`document.querySelectorAll("#nodes li").length === 2`),
		until(`document.getElementById("detail").textContent.includes("on private-demo")`),
		chromedp.SendKeys(chromedp.CSS("#text"), "hello\r"),
		until(`document.querySelector("#messages .text")?.textContent === "hello"`),
		chromedp.Click(chromedp.CSS("#nodes li:first-child button")),
		until(`document.getElementById("node").textContent === "reverb-2"`),
		until(`document.querySelector("#moves li").textContent.includes("closed with 4200")`),
	)
	// A FIN without a Close frame: 1006, and back after a second.
	way.lead(a)
	b.Stop()
	do(t, tab,
		until(`document.getElementById("node").textContent === "reverb-1"`),
		until(`document.querySelector("#moves li").textContent.includes("closed with 1006")`))
	if all := complaints(); len(all) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(all, "\n"))
	}
}

func TestThePageWaitsAsPusherJSDoes(t *testing.T) {
	page := servePage(t, PageOptions{WebSocket: "ws://127.0.0.1:1"})
	tab, _ := browse(t, page)
	f := func(codes []int, want string) {
		t.Helper()
		for _, code := range codes {
			script := fmt.Sprintf(`import("/connection.js").then((m) => String(m.waitAfter(%d)))`, code)
			got, err := chromedp.Run(tab, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%d: got %s, want %s", code, got, want)
			}
		}
	}
	f([]int{4200, 4250, 4299}, "0")
	f([]int{1000, 1001, 1005, 1006, 1012, 1013, 4100, 4199}, "1000")
	f([]int{4001, 4009, 4099, 4300, 4999}, "null")
}
