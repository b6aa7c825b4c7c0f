// Package apptest runs a whole Fermata in front of Reverb-like nodes, for the
// tests of this and other packages: New, and then clients with Dial, Wire or
// Visit. What cannot be done ends the test, and everything ends with it.
package apptest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/app"
	"fermata/internal/certs"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/lab/devnode"
)

// Timeout is how long a test waits for what must happen.
const Timeout = 45 * time.Second

// TakesSeconds skips the test under -short: most of its time it waits.
func TakesSeconds(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it takes seconds")
	}
}

// Parts of configurations.
const (
	Even    = "sticky: {bounded_load: 1}\ntimeouts: {close: 1s}\n" // spreads clients evenly, though all have one address
	Patient = "timeouts: {answer: 1m, handshake: 1m, close: 500ms}\n"
	// KnownApp is the nodes' app.
	KnownApp = "apps: [{id: " + devnode.DefaultAppID + ", key: " + devnode.DefaultAppKey + ", secret: " + devnode.DefaultAppSecret + "}]\n"
)

// Stack is a Fermata and the nodes behind it.
type Stack struct {
	T       *testing.T
	Nodes   []*devnode.Node // none where the test has started them
	URLs    []string        // of all nodes
	File    string          // the configuration
	Admin   string          // unix:PATH
	Address string          // HOST:PORT of the first listener
	Logs    *Logs

	AdminPair certs.Pair // of ConfigureAdmin

	stop func() error
}

// New starts nodes on a bus and a Fermata whose configuration ends with
// extra.
func New(t *testing.T, nodes int, extra string) *Stack {
	t.Helper()
	started, urls := StartNodes(t, nodes)
	s := NewFront(t, urls, extra)
	s.Nodes = started
	return s
}

// NewFront starts a Fermata in front of the nodes of these URLs.
func NewFront(t *testing.T, urls []string, extra string) *Stack {
	t.Helper()
	s := Configured(t, urls, extra)
	s.Serve()
	return s
}

// Configured is a Fermata that is not started.
func Configured(t *testing.T, urls []string, extra string) *Stack {
	t.Helper()
	dir := t.TempDir()
	s := &Stack{T: t, URLs: urls, Logs: newLogs(), File: filepath.Join(dir, "fermata.yaml"), Admin: "unix:" + filepath.Join(dir, "admin.sock")}
	s.Configure(extra)
	return s
}

// Configure writes the configuration file.
func (s *Stack) Configure(extra string) {
	s.T.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "admin: {address: %q}\n", s.Admin)
	if !strings.Contains(extra, "listen:") {
		b.WriteString("listen: [{address: \"127.0.0.1:0\"}]\n")
	}
	if !strings.Contains(extra, "nodes:") {
		b.WriteString("nodes:\n")
		for i, url := range s.URLs {
			fmt.Fprintf(&b, "  - {name: reverb-%d, url: %q}\n", i+1, url)
		}
	}
	b.WriteString(extra)
	if err := os.WriteFile(s.File, []byte(b.String()), 0o600); err != nil {
		s.T.Fatal(err)
	}
}

// Capped is the configuration of the stack's nodes with caps, 0 for none.
func (s *Stack) Capped(caps ...int) (text string) {
	text = "nodes:\n"
	for i, url := range s.URLs {
		text += fmt.Sprintf("  - {name: reverb-%d, url: %q, max_connections: %s}\n", i+1, url, balancer.Cap(caps[i]))
	}
	return text
}

// TwoNodes is the configuration of two nodes of which practically every client
// without a cookie gets the one called first.
func TwoNodes(first, second string) string {
	return fmt.Sprintf("nodes:\n  - {name: first, url: %q, weight: 10000}\n  - {name: second, url: %q}\n", first, second)
}

// Serve starts Fermata, until the test ends or Stop is called.
func (s *Stack) Serve() {
	s.T.Helper()
	out := console.StartQueue(s.Logs)
	a, err := app.New(func() (*config.Config, error) { return config.Load(s.File) }, out)
	if err == nil {
		err = a.Listen()
	}
	if err != nil {
		out.Close()
		s.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		done <- a.Run(ctx)
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		defer out.Close()
		return <-done
	})
	s.T.Cleanup(func() { s.stop() })
	s.Address = s.Logs.waitUntil(s.T, "listening", hasMessage("listening"), ended)["address"].(string)
	s.Logs.waitUntil(s.T, "serving", hasMessage("serving"), ended)
}

// Stop stops Fermata, and returns when it has ended.
func (s *Stack) Stop() {
	s.T.Helper()
	if err := s.stop(); err != nil {
		s.T.Errorf("stop: got %v, want no error", err)
	}
}

// Stopped begins a stop, and is closed when Fermata has ended.
func (s *Stack) Stopped() <-chan struct{} {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop()
	}()
	return stopped
}

// Restart stops Fermata and starts it again.
func (s *Stack) Restart() {
	s.T.Helper()
	s.Stop()
	s.Logs = newLogs()
	s.Serve()
}

// Node is the node of that name.
func (s *Stack) Node(name string) *devnode.Node {
	for i, n := range s.Nodes {
		if name == fmt.Sprintf("reverb-%d", i+1) {
			return n
		}
	}
	s.T.Fatalf("no node %q", name)
	return nil
}

// Eventually looks again and again until it is so.
func (s *Stack) Eventually(what string, so func() bool) {
	s.T.Helper()
	if !s.soon(so) {
		s.T.Fatalf("not in %s: %s", Timeout, what)
	}
}

// soon looks again and again, and is false when it is not so in Timeout.
func (s *Stack) soon(so func() bool) bool {
	again, timeout := time.NewTicker(20*time.Millisecond), time.After(Timeout)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-timeout:
			return false
		}
	}
	return true
}
