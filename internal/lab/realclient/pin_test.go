package realclient_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/realclient"
)

func TestClientsInNodeBringTheirCookieBack(t *testing.T) {
	bringTheirCookieBack(t, realclient.Start)
}

func TestABrowserBringsItsCookieBack(t *testing.T) {
	bringTheirCookieBack(t, realclient.StartBrowser)
}

// bringTheirCookieBack has a front that pins with the attributes that Fermata
// uses, and counts the upgrades that brought the cookie.
func bringTheirCookieBack(t *testing.T, start startFunc) {
	node := startNode(t)
	front := startPinningFront(t, node)
	clients := start(t, realclient.Options{
		URL: strings.Replace(front.URL, "https", "wss", 1), Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Cookies: true, Insecure: true,
	})
	clients.WaitAll(t, "a connection", connected)
	node.CloseClients(4200, "drain")
	clients.WaitAll(t, "a second connection", func(c *realclient.Client) bool {
		return len(c.Nodes) == 2 && connected(c)
	})
	if got := front.pinned.Load(); got != 1 {
		t.Errorf("got %d connections with the cookie, want 1 of 2", got)
	}
}

func connected(c *realclient.Client) bool { return c.State == "connected" }

type pinningFront struct {
	*httptest.Server
	pinned atomic.Int32 // upgrades that brought the cookie
}

func startPinningFront(t *testing.T, node *devnode.Node) *pinningFront {
	t.Helper()
	front := new(pinningFront)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", node.Addr().String() },
		ModifyResponse: func(resp *http.Response) error {
			resp.Header.Set("Set-Cookie", "fermata=reverb-1; Path=/; HttpOnly; Secure; SameSite=Lax")
			return nil
		},
	}
	front.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("fermata"); err == nil && cookie.Value == "reverb-1" {
			front.pinned.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front
}
