// Package realclient runs the clients of Laravel Reverb, pusher-js and
// laravel-echo as they come from npm, for tests: in node and in a browser.
package realclient

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// Client is what one client has seen so far.
type Client struct {
	State      string // of pusher-js: connecting, connected, unavailable, failed, disconnected
	Node       string // what the last connection_established called itself
	Nodes      []string
	Socket     string   // the id of the last one
	Cookie     string   // name=value; only in node
	Closes     []Close  // of the sockets, oldest first
	Errors     []string // JSON of what pusher-js reported, some of it twice
	Subscribed []string // channels, once per subscription that succeeded on the present connection
	Events     []Event
	Strays     []Event // on channels that nobody has asked for

	reports int
	report  Report // the last one
}

// Close is the end of a socket, as the WebSocket API tells it.
type Close struct {
	Code   int // 1006: without a Close frame
	Reason string
	Clean  bool
	// GaveUp is whether pusher-js ended an attempt itself, after 15 seconds
	// without a word: on a slow machine it does, and tries again.
	GaveUp bool
}

// Ended are the closes that came from the other side.
func (c *Client) Ended() []Close {
	return slices.DeleteFunc(slices.Clone(c.Closes), func(c Close) bool { return c.GaveUp })
}

// Event is something that came on a channel.
type Event struct {
	Channel string
	// Name is the event's; "here", "joining" and "leaving" are those of a
	// presence channel, and have Members instead of Data.
	Name    string
	Data    json.RawMessage
	Members []string
}

// Has is true when such an event has come.
func (c *Client) Has(channel, name string) bool {
	return slices.ContainsFunc(c.Events, func(e Event) bool { return e.Channel == channel && e.Name == name })
}

// Clients are running clients. Its methods may be called concurrently.
type Clients struct {
	options Options
	command func(line []byte) error // takes one command away

	mu      sync.Mutex
	clients []Client
	changed chan struct{} // closed and replaced at each line
	gone    error         // why no more lines come
}

func newClients(o Options) *Clients {
	return &Clients{options: o, clients: make([]Client, o.Clients), changed: make(chan struct{})}
}

// Wait returns what all clients have seen once until is true of it, and ends
// the test when that takes longer than Options.Timeout.
func (c *Clients) Wait(t testing.TB, what string, until func([]Client) bool) []Client {
	t.Helper()
	timeout := time.After(c.options.Timeout)
	for {
		seen, changed, gone := c.look(until)
		if seen != nil {
			return seen
		}
		if gone != nil {
			t.Fatalf("got the end of the clients (%v), want %s", gone, what)
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("got nothing in %v, want %s; clients: %s", c.options.Timeout, what, c.summary())
		}
	}
}

// WaitAll is Wait for something that must be true of each client.
func (c *Clients) WaitAll(t testing.TB, what string, until func(*Client) bool) []Client {
	t.Helper()
	return c.Wait(t, what, func(all []Client) bool {
		for i := range all {
			if !until(&all[i]) {
				return false
			}
		}
		return true
	})
}

// look returns a copy of the clients if until is true of them, and otherwise
// what is closed at the next change.
func (c *Clients) look(until func([]Client) bool) ([]Client, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until(c.clients) {
		return slices.Clone(c.clients), nil, nil
	}
	return nil, c.changed, c.gone
}

// summary says of up to ten clients how they are.
func (c *Clients) summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := json.Marshal(c.clients[:min(len(c.clients), 10)])
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Subscribe makes a client join another channel.
func (c *Clients) Subscribe(t testing.TB, client int, channel string) {
	t.Helper()
	c.run(t, command{Do: "subscribe", Client: client, Channel: channel})
}

// Whisper sends a client event, client-NAME, to the others of the channel.
func (c *Clients) Whisper(t testing.TB, client int, channel, name string, data any) {
	t.Helper()
	c.run(t, command{Do: "whisper", Client: client, Channel: channel, Event: name, Data: data})
}

// Disconnect makes a client leave for good, as a page that is closed.
func (c *Clients) Disconnect(t testing.TB, client int) {
	t.Helper()
	c.run(t, command{Do: "disconnect", Client: client})
}

type command struct {
	Do      string `json:"do"`
	Client  int    `json:"client"`
	Channel string `json:"channel,omitempty"`
	Event   string `json:"event,omitempty"`
	Data    any    `json:"data,omitempty"`
}

func (c *Clients) run(t testing.TB, cmd command) {
	t.Helper()
	line, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.command(line); err != nil {
		t.Fatalf("%s of client %d: %v", cmd.Do, cmd.Client, err)
	}
}

// modules ends the test when the libraries are not there, and skips it under
// -short.
func modules(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED under -short, as it needs pusher-js and node")
	}
	path := filepath.Join(folder(), "node_modules")
	if _, err := os.Stat(filepath.Join(path, "pusher-js")); err != nil {
		t.Fatal("pusher-js is not there; get it with: npm ci --prefix internal/lab/realclient")
	}
	return path
}
