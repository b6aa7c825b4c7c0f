package apptest

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"fermata/internal/admin"
)

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

// API is a client of the admin endpoint.
func (s *Stack) API() *admin.Client {
	s.T.Helper()
	c, err := admin.NewClient(s.Admin, "")
	if err != nil {
		s.T.Fatal(err)
	}
	return c
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
	call(s, "undrain "+node, func(ctx context.Context, c *admin.Client) (admin.Node, error) { return c.Undrain(ctx, node) })
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

// NodesNow are the nodes as the API shows them.
func (s *Stack) NodesNow() map[string]admin.Node {
	s.T.Helper()
	list := call(s, "nodes", func(ctx context.Context, c *admin.Client) ([]admin.Node, error) { return c.Nodes(ctx) })
	nodes := make(map[string]admin.Node)
	for _, n := range list {
		nodes[n.Name] = n
	}
	return nodes
}

// HasMetric is whether a scrape brings this line.
func (s *Stack) HasMetric(line string) {
	s.T.Helper()
	if all := s.Metrics(); !strings.Contains(all, "\n"+line+"\n") {
		name, _, _ := strings.Cut(line, "{")
		s.T.Errorf("want the metric %s, got\n%s", line, Grep(all, name))
	}
}

// Metrics is what a scrape brings.
func (s *Stack) Metrics() string {
	s.T.Helper()
	status, body := s.AdminGet("/metrics")
	if status != http.StatusOK {
		s.T.Fatalf("scrape: got %d", status)
	}
	return body
}

// Grep is the lines of a text that have this word.
func Grep(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
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

// WaitMetric waits until a scrape brings this line.
func (s *Stack) WaitMetric(line string) {
	s.T.Helper()
	for deadline := time.Now().Add(Timeout); time.Now().Before(deadline); {
		if strings.Contains(s.Metrics(), "\n"+line+"\n") {
			return
		}
	}
	s.HasMetric(line)
}
