package smoke_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"fermata/internal/lab/devnode"
	"fermata/internal/secret"
	"fermata/internal/smoke"
)

// stack is a few nodes behind a front that pins by cookie.
type stack struct {
	nodes []*devnode.Node
	front *front
}

// startStack starts so many nodes, joined by a bus, with a front over TLS.
func startStack(t *testing.T, nodes int) *stack {
	t.Helper()
	bus, err := devnode.StartBus("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	return startStackWith(t, nodes, devnode.Options{Bus: bus.Addr()})
}

func startStackWith(t *testing.T, nodes int, o devnode.Options) *stack {
	t.Helper()
	s := &stack{front: &front{}}
	for range nodes {
		node, err := devnode.Start("127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(node.Stop)
		s.nodes = append(s.nodes, node)
		s.front.nodes = append(s.front.nodes, node.Addr().String())
	}
	s.front.Server = httptest.NewUnstartedServer(s.front)
	s.front.Config.ErrorLog = log.New(io.Discard, "", 0) // connections without a handshake are meant
	s.front.StartTLS()
	t.Cleanup(s.front.Close)
	return s
}

func (s *stack) setFaults(f devnode.Faults) {
	for _, node := range s.nodes {
		node.SetFaults(f)
	}
}

// options are those with which everything is tested and passes.
func (s *stack) options() smoke.Options {
	roots := s.front.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return smoke.Options{
		URLs: []string{strings.Replace(s.front.URL, "https", "wss", 1)}, Roots: roots,
		Key: devnode.DefaultAppKey, AppID: devnode.DefaultAppID, Secret: secret.Text(devnode.DefaultAppSecret),
	}
}

// front deals clients out in turn, and pins them by a cookie that is the
// node's number.
type front struct {
	*httptest.Server
	nodes []string // HOST:PORT
	turn  atomic.Int64

	noCookie     bool // never sets one
	forgetful    bool // never heeds one
	elsewhere    bool // sets one for another path
	dropsOnClose bool // hangs up instead of passing a client's Close on

	aborts string // hangs up on requests whose path begins so; "": on none
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.aborts != "" && strings.HasPrefix(r.URL.Path, f.aborts) {
		panic(http.ErrAbortHandler)
	}
	number, pinned := f.pick(r)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: f.nodes[number]}) },
		ModifyResponse: func(resp *http.Response) error {
			if resp.StatusCode == http.StatusSwitchingProtocols && !pinned && !f.noCookie {
				resp.Header.Set("Set-Cookie", f.cookie(number))
			}
			return nil
		},
	}
	if f.dropsOnClose {
		w = &dropper{w}
	}
	proxy.ServeHTTP(w, r)
}

func (f *front) pick(r *http.Request) (number int, pinned bool) {
	if cookie, err := r.Cookie("fermata"); err == nil && !f.forgetful {
		number, err := strconv.Atoi(cookie.Value)
		return number, err == nil
	}
	return int(f.turn.Add(1)) % len(f.nodes), false
}

func (f *front) cookie(number int) string {
	path := "/"
	if f.elsewhere {
		path = "/elsewhere"
	}
	return "fermata=" + strconv.Itoa(number) + "; Path=" + path + "; HttpOnly; Secure; SameSite=Lax"
}

// dropper ends the connection when the client sends a Close frame.
type dropper struct{ http.ResponseWriter }

func (d *dropper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := d.ResponseWriter.(http.Hijacker).Hijack()
	return &droppingConn{conn}, buffered, err
}

func (d *dropper) Unwrap() http.ResponseWriter { return d.ResponseWriter }

type droppingConn struct{ net.Conn }

func (c *droppingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && p[0] == 0x88 {
		return 0, net.ErrClosed
	}
	return n, err
}

// run tests the stack and returns the cases by name.
func run(t *testing.T, o smoke.Options) map[string]smoke.Case {
	t.Helper()
	report, err := smoke.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return byName(report.URLs[0])
}

func byName(u smoke.URLReport) map[string]smoke.Case {
	cases := map[string]smoke.Case{}
	for _, c := range u.Cases {
		cases[c.Name] = c
	}
	return cases
}
