package app

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fermata/balancer"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/lab/devnode/process"
)

func TestMain(m *testing.M) {
	process.Become()
	runtime.GOMAXPROCS(2 * runtime.NumCPU()) // each busy shard keeps one, and the tests have clients of their own
	// certmagic limits its rate of orders by a goroutine of the process, one per CA and account
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"))
}

// waiting is how long a test waits for what must happen.
const waiting = 45 * time.Second

// twoNodes is a configuration of nodes where nobody listens.
func twoNodes(stateDir string) *config.Config {
	c := config.Default()
	c.Listen = []config.Listen{{Address: "127.0.0.1:0"}}
	c.Nodes = config.Fixed(
		balancer.NodeOptions{Name: "a", URL: balancer.URL{Host: "127.0.0.1:9"}, Weight: 1},
		balancer.NodeOptions{Name: "b", URL: balancer.URL{Host: "127.0.0.2:9"}, Weight: 1},
	)
	c.Admin.Address, c.StateDir = "", stateDir
	return c
}

// lines keeps a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// of are those with that message.
func (l *lines) of(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// run runs an App until the test ends or stop is called.
func run(t *testing.T, load Loader) (a *App, log *lines, stop func()) {
	t.Helper()
	log = new(lines)
	out := console.StartQueue(log)
	a, err := New(load, out)
	if err == nil {
		err = a.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := within(t, "the stop", done); err != nil {
			t.Errorf("got %v, want no error", err)
		}
		out.Close()
	})
	t.Cleanup(stop)
	awaitServing(t, a)
	return a, log, stop
}

// awaitServing waits until the App serves.
func awaitServing(t *testing.T, a *App) {
	t.Helper()
	tick, timeout := time.NewTicker(time.Millisecond), time.After(waiting)
	defer tick.Stop()
	for a.serving() == nil {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("does not serve after %s", waiting)
		}
	}
}

// within wants something to end.
func within[T any](t *testing.T, what string, done <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-done:
	case <-time.After(waiting):
		t.Fatalf("%s: not done in %s", what, waiting)
	}
	return value
}

// does wants f to return.
func does(t *testing.T, what string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	if err := within(t, what, done); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func stateOf(t *testing.T) string { return filepath.Join(t.TempDir(), "state") }
