package apptest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"fermata/internal/admin"
	"fermata/internal/certs"
)

// API is a client of the admin endpoint.
func (s *Stack) API() *admin.Client {
	s.T.Helper()
	c, err := admin.NewClient(s.Admin, "")
	if err != nil {
		s.T.Fatal(err)
	}
	return c
}

// NodesNow are the nodes as the API shows them.
func (s *Stack) NodesNow() map[string]admin.Node {
	s.T.Helper()
	list := call(s, "nodes", func(ctx context.Context, c *admin.Client) (admin.NodeList, error) { return c.Nodes(ctx, false) })
	nodes := make(map[string]admin.Node)
	for _, n := range list.Nodes {
		nodes[n.Name] = n
	}
	return nodes
}

// Drain starts a drain, or changes one.
func (s *Stack) Drain(node string, o admin.DrainRequest) admin.Node {
	s.T.Helper()
	return call(s, "drain "+node, func(ctx context.Context, c *admin.Client) (admin.Node, error) { return c.Drain(ctx, node, o) })
}

// DrainWhole drains a node, and waits until it is drained.
func (s *Stack) DrainWhole(node string, o admin.DrainRequest) {
	s.T.Helper()
	s.Drain(node, o)
	s.Eventually(node+" is drained", func() bool { return s.NodesNow()[node].State == admin.StateDrained })
}

// Undrain gives a node clients again.
func (s *Stack) Undrain(node string) {
	s.T.Helper()
	call(s, "undrain "+node, func(ctx context.Context, c *admin.Client) (admin.Node, error) {
		return c.Undrain(ctx, node, admin.UndrainRequest{})
	})
}

// Rebalance starts a rebalance.
func (s *Stack) Rebalance(o admin.RebalanceRequest) admin.Rebalance {
	s.T.Helper()
	return call(s, "rebalance", func(ctx context.Context, c *admin.Client) (admin.Rebalance, error) { return c.Rebalance(ctx, o) })
}

// Reload has the configuration read again, and returns the warnings.
func (s *Stack) Reload() []string {
	s.T.Helper()
	return call(s, "reload", func(ctx context.Context, c *admin.Client) (admin.Reloaded, error) { return c.Reload(ctx) }).Warnings
}

// call runs one call of the admin API, which must work.
func call[T any](s *Stack, what string, f func(ctx context.Context, c *admin.Client) (T, error)) T {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	answer, err := f(ctx, s.API())
	if err != nil {
		s.T.Fatalf("%s: %v", what, err)
	}
	return answer
}

// AdminGet asks the admin endpoint.
func (s *Stack) AdminGet(path string) (status int, body string) {
	s.T.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(s.Admin, "unix:"))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: Timeout}
	r, err := client.Get("http://localhost" + path)
	if err != nil {
		s.T.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// ConfigureAdmin writes a configuration whose admin endpoint is at Admin, HOST:PORT,
// with a certificate. The stack's own calls do not reach it.
func (s *Stack) ConfigureAdmin(p certs.Pair, extra string) {
	s.T.Helper()
	if s.AdminPair.Cert == "" {
		s.AdminPair = p
	}
	s.Configure("")
	text, err := os.ReadFile(s.File)
	if err != nil {
		s.T.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	first := fmt.Sprintf("admin: {address: %q, tls: {cert: %q, key: %q}%s}\n", s.Admin, p.Cert, p.Key, extra)
	if err := os.WriteFile(s.File, []byte(first+rest), 0o600); err != nil {
		s.T.Fatal(err)
	}
}
