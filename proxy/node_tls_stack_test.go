package proxy_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/certs"
	"fermata/internal/lab/devnode"
	"fermata/internal/pusher"
)

// overTLS starts two nodes with TLS, behind a Fermata with TLS for its clients.
func overTLS(t *testing.T, secure *tls.Config, of *apptest.Authority, extra string) *apptest.Stack {
	t.Helper()
	bus := apptest.StartBus(t)
	nodes := []*devnode.Node{apptest.SecureNode(t, "reverb-1", bus, secure), apptest.SecureNode(t, "reverb-2", bus, secure)}
	s := apptest.NewFront(t, nil, secureNodes(of.File, "", nodes...)+extra)
	s.Nodes = nodes
	return s
}

// secureNodes is the configuration of nodes whose certificates are signed by ca.
func secureNodes(ca, options string, nodes ...*devnode.Node) (text string) {
	text = "nodes:\n"
	for i, n := range nodes {
		text += fmt.Sprintf("  - {name: reverb-%d, url: %q, tls: {ca: %q%s}}\n", i+1, n.URL(), ca, options)
	}
	return text
}

// Upgrades, plain requests, moves, checks and the check of the delivery go over TLS.
func TestASessionMovesBetweenNodesThatSpeakTLS(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	s := overTLS(t, of.Server("127.0.0.1"), of, known+apptest.Even+
		"health: {type: reverb, reverb: {delivery: {interval: 200ms}}}\n")
	s.Eventually("both deliver", func() bool {
		for _, n := range s.NodesNow() {
			if n.Health != admin.HealthUp || n.Delivery != admin.HealthUp || !strings.HasPrefix(n.Reason, "pong in ") || !strings.HasPrefix(n.URL, "https://") {
				return false
			}
		}
		return true
	})
	c := subscribeAs(t, s.DialOn("reverb-1"), "news", "private-orders")
	other := subscribeAs(t, s.DialOn("reverb-2"), "news")
	for i := range 3 {
		s.Drain(c.Node, admin.DrainRequest{})
		s.Eventually(c.Node+" is drained", func() bool { return s.NodesNow()[c.Node].State == admin.StateDrained })
		s.Undrain(c.Node)
		c.Node = map[string]string{"reverb-1": "reverb-2", "reverb-2": "reverb-1"}[c.Node]
		event := fmt.Sprintf("Round%d", i)
		publishOver(s, "news", event)
		for _, who := range []*subscriber{c, other} {
			who.wait(event, func(all []devnodeMessage) bool { return count(all, event, "news") == 1 })
		}
	}
	if c.over != nil || other.over != nil {
		t.Errorf("got ends %v and %v, want both clients connected", c.over, other.over)
	}
}

// publishOver publishes by Fermata, as an app does.
func publishOver(s *apptest.Stack, channel, event string) {
	s.T.Helper()
	body := fmt.Sprintf(`{"name":%q,"channel":%q,"data":"{}"}`, event, channel)
	path := "/apps/" + devnode.DefaultAppID + "/events"
	query := pusher.SignedQuery(devnode.DefaultAppKey, devnode.DefaultAppSecret, "POST", path, []byte(body), time.Now())
	r, text := s.Ask(fmt.Sprintf("POST %s?%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", path, query, len(body), body))
	if r.StatusCode != 200 {
		s.T.Fatalf("publish: got %d and %q, want 200", r.StatusCode, text)
	}
}

// A connect does not see it. Its clients do, and its checks then speak TLS.
func TestANodeWithAnotherNodesCertificateGetsNoClient(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	wrong := apptest.SecureNode(t, "reverb-1", nil, of.Server("reverb-9.internal", "10.0.0.9"))
	right := apptest.SecureNode(t, "reverb-2", nil, of.Server("127.0.0.1"))
	s := apptest.NewFront(t, nil, "health: {interval: 100ms}\nlog: {level: debug}\n"+secureNodes(of.File, "", wrong, right))
	const why = "tls: certificate is not valid for 127.0.0.1, but for reverb-9.internal, 10.0.0.9"
	s.Eventually("reverb-1 is down", func() bool {
		if p := s.Dial(); p.Node != "reverb-2" {
			t.Fatalf("got %s, want reverb-2", p.Node)
		}
		n := s.NodesNow()["reverb-1"]
		return n.Health == admin.HealthDown && n.Reason == why
	})
	s.Logs.WaitFor(t, "the reason", func(line map[string]any) bool {
		return line["err"] == "dial node reverb-1: "+why
	})
	if all := s.Metrics(); !strings.Contains(all, `fermata_handshakes_total{node="reverb-1",result="tls"}`) || !strings.Contains(all, `cause="tls"`) {
		t.Errorf("want a handshake and a node that is down with the cause tls, got\n%s", apptest.Grep(all, "tls"))
	}
}

// A node without TLS, one that nobody trusted has signed, one that is frozen, and one
// whose nginx misses a certificate.
func TestANodeThatShakesNoHandsIsDownForTheReason(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	stranger := apptest.SecureNode(t, "", nil, apptest.NewAuthority(t).Server("127.0.0.1"))
	frozen := apptest.SecureNode(t, "", nil, of.Server("127.0.0.1"))
	good := apptest.SecureNode(t, "reverb-3", nil, of.Server("127.0.0.1"))
	strict := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }))
	strict.TLS = of.Server("127.0.0.1")
	strict.StartTLS()
	t.Cleanup(strict.Close)
	frozen.Freeze()
	t.Cleanup(frozen.Thaw)
	text := secureNodes(of.File, "", stranger, frozen, good) +
		fmt.Sprintf("  - {name: plain, url: %q}\n  - {name: strict, url: %q, tls: {ca: %q}}\n", strings.Replace(plain.URL, "http", "https", 1), strict.URL, of.File)
	s := apptest.NewFront(t, nil, "health: {interval: 100ms, type: http, panic_threshold: 0}\n"+text)
	f := func(node, reason string) {
		t.Helper()
		s.Eventually(node+": "+reason, func() bool {
			n := s.NodesNow()[node]
			return n.Health == admin.HealthDown && n.Reason == reason
		})
	}
	f("plain", "tls: the answer is none of TLS, want http:// in its url if it speaks plain HTTP")
	f("reverb-1", "tls: certificate for 127.0.0.1 is signed by the test's authority, which is not trusted, want tls.ca, or without that the system, to name the signer")
	f("strict", "GET /up: status 400, want 200 (does it want a certificate, tls.client_cert, that it trusts?)")
	f("reverb-2", "no TLS handshake in 1s (does it speak plain HTTP?)")
	if p := s.Dial(); p.Node != "reverb-3" {
		t.Errorf("got %s, want reverb-3", p.Node)
	}
}

func TestAFrozenNodeThatSpeaksTLSIsFoundOutByItsClients(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	frozen := apptest.SecureNode(t, "reverb-1", nil, of.Server("127.0.0.1"))
	good := apptest.SecureNode(t, "reverb-2", nil, of.Server("127.0.0.1"))
	s := apptest.NewFront(t, nil, "health: {interval: 100ms, timeout: 200ms}\ntimeouts: {answer: 500ms}\nsticky: {bounded_load: 1}\n"+secureNodes(of.File, "", frozen, good))
	frozen.Freeze()
	t.Cleanup(frozen.Thaw)
	s.Eventually("reverb-1 is down", func() bool {
		if p := s.Dial(); p.Node != "reverb-2" {
			t.Fatalf("got %s, want reverb-2", p.Node)
		}
		return s.NodesNow()["reverb-1"].Health == admin.HealthDown
	})
}

// Nodes that want to see a certificate, as they do behind a private network.
func TestANodeIsShownACertificate(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	secure := of.Server("reverb.internal")
	secure.ClientAuth, secure.ClientCAs = tls.RequireAndVerifyClientCert, of.Pool()
	node := apptest.SecureNode(t, "reverb-1", nil, secure)
	p := of.Issue("fermata")
	f := func(p certs.Pair, name string) string {
		return secureNodes(of.File, fmt.Sprintf(", server_name: %s, client_cert: %q, client_key: %q", name, p.Cert, p.Key), node) +
			"health: {interval: 100ms, type: http}\n"
	}
	s := apptest.NewFront(t, nil, f(p, "reverb.internal"))
	s.Dial().Answers()

	s.Configure(f(apptest.NewAuthority(t).Issue("somebody"), "reverb.internal"))
	s.Reload()
	s.Eventually("the node refuses another's certificate", func() bool {
		n := s.NodesNow()["reverb-1"]
		return n.Health == admin.HealthDown && strings.Contains(n.Reason, "tls: refused by the node: ")
	})
	s.Configure(f(p, "reverb.example"))
	s.Reload()
	s.Eventually("the node has another name", func() bool {
		return s.NodesNow()["reverb-1"].Reason == "tls: certificate is not valid for reverb.example, but for reverb.internal"
	})
	s.Configure(f(p, "reverb.internal"))
	s.Reload()
	s.Eventually("the node is up again", func() bool { return s.NodesNow()["reverb-1"].Health == admin.HealthUp })
	s.Dial().Answers()
}

// A storm of clients that come back costs no node a whole handshake for each.
func TestHandshakesWithANodeAreResumedAlsoAfterAReload(t *testing.T) {
	t.Parallel()
	of := apptest.NewAuthority(t)
	var whole, resumed atomic.Int64
	secure := of.Server("127.0.0.1")
	secure.VerifyConnection = func(state tls.ConnectionState) error {
		if state.DidResume {
			resumed.Add(1)
		} else {
			whole.Add(1)
		}
		return nil
	}
	node := apptest.SecureNode(t, "reverb-1", nil, secure)
	s := apptest.NewFront(t, nil, secureNodes(of.File, "", node))
	const clients = 10
	for range clients {
		s.Dial().Answers()
	}
	s.Reload() // reads the same files
	for range clients {
		s.Dial().Answers()
	}
	if whole.Load() != 1 || resumed.Load() < 2*clients-1 {
		t.Errorf("got %d whole handshakes and %d resumed, want 1 and at least %d", whole.Load(), resumed.Load(), 2*clients-1)
	}
}
