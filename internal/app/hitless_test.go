package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/realclient"
)

// TestNoPageNoticesTenDrains has pages of both libraries, in node and in Chromium,
// talk with each other and listen while their node is drained ten times, to and
// fro between two nodes. A page would notice a close, an event that is missing, that
// comes twice or late, one of its own, and members who are not there.
func TestNoPageNoticesTenDrains(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	h := openPages(t)
	talk := h.talk()
	for round := range drains {
		name := fmt.Sprintf("reverb-%d", round%2+1)
		h.DrainWhole(name, admin.DrainRequest{})
		h.wantAllTogether()
		h.visit(round + 1)
		h.sayToOthers(round + 1)
		h.Undrain(name)
	}
	talk.end()
	h.wantNothingNoticed(talk)
}

const drains = 10

// pageChannels is one channel of each kind.
var pageChannels = []string{"news", "private-orders", "presence-room", "cache-weather", "private-encrypted-safe"}

// hitless is pages that must not notice what happens to their nodes.
type hitless struct {
	*apptest.Stack
	groups []*pages
	before [][]realclient.Client // of each group, when all have arrived
}

// pages are of one library and platform.
type pages struct {
	*realclient.Clients
	name string
}

const pagesOfAGroup = 2

func openPages(t *testing.T) *hitless {
	t.Helper()
	h := &hitless{Stack: apptest.New(t, 2, secure(t)+apptest.KnownApp+`
sticky: {bounded_load: 1}
session: {timeout: 1m}
timeouts: {header: 1m, answer: 1m, handshake: 1m}
health: {type: reverb, interval: 1s, timeout: 30s, reverb: {delivery: {interval: 30s, timeout: 30s}}}
`)}
	h.open("pusher", realclient.PusherJS, realclient.Start)
	h.open("echo", realclient.Echo, realclient.Start)
	h.open("pusher-in-chromium", realclient.PusherJS, realclient.StartBrowser)
	h.open("echo-in-chromium", realclient.Echo, realclient.StartBrowser)
	for _, g := range h.groups {
		h.before = append(h.before, g.WaitAll(t, "a subscription to each channel", func(c *realclient.Client) bool {
			return len(c.Subscribed) == len(pageChannels) && c.Has("presence-room", "here") && c.Has("cache-weather", "pusher:cache_miss")
		}))
	}
	return h
}

func (h *hitless) open(name, library string, start func(testing.TB, realclient.Options) *realclient.Clients) {
	h.T.Helper()
	h.groups = append(h.groups, &pages{start(h.T, realclient.Options{
		URL: "wss://" + h.Address, Insecure: true, Cookies: true,
		Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Library: library, Clients: pagesOfAGroup, Name: name, Channels: pageChannels, Timeout: apptest.Timeout,
		Events: []string{"Ticked", "Said", "Ended", "typed", "ended"}, Numbered: []string{"Ticked", "Said", "typed"},
	}), name})
}

// each goes through all pages.
func (h *hitless) each(do func(g *pages, i int, name string)) {
	for _, g := range h.groups {
		for i := range pagesOfAGroup {
			do(g, i, fmt.Sprintf("%s %d", g.name, i))
		}
	}
}

func (h *hitless) names() (all []string) {
	h.each(func(_ *pages, _ int, name string) { all = append(all, name) })
	return all
}

// talk is what goes on all the time: the app publishes, and pages whisper. All of
// it is numbered by who sends it.
type talk struct {
	stop     context.CancelFunc
	ended    sync.WaitGroup
	ticks    int // of the app, on each channel
	whispers int // of each page
}

// end stops the talk, when everybody has said the last word.
func (t *talk) end() {
	t.stop()
	t.ended.Wait()
}

func (h *hitless) talk() *talk {
	ctx, cancel := context.WithCancel(h.T.Context())
	t := &talk{stop: cancel}
	h.T.Cleanup(t.end)
	t.ended.Go(func() {
		every(ctx, 20*time.Millisecond, func() {
			t.ticks++
			h.tick("Ticked", t.ticks)
		})
		h.tick("Ended", t.ticks)
	})
	t.ended.Go(func() {
		every(ctx, 100*time.Millisecond, func() {
			t.whispers++
			h.each(func(g *pages, i int, name string) {
				g.Whisper(h.T, i, "private-orders", "typed", map[string]any{"n": t.whispers, "from": name})
			})
		})
		h.each(func(g *pages, i int, _ string) { g.Whisper(h.T, i, "private-orders", "ended", map[string]string{}) })
	})
	return t
}

func every(ctx context.Context, pause time.Duration, do func()) {
	clock := time.NewTicker(pause)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// tick publishes on each channel through one node, as the order of events through
// different ones is open.
func (h *hitless) tick(event string, n int) {
	for _, channel := range pageChannels {
		data := realclient.Encrypt(channel, fmt.Sprintf(`{"n":%d}`, n), devnode.DefaultAppSecret)
		h.Nodes[0].Publish(channel, `App\Events\`+event, data)
	}
}

// sayToOthers does what broadcast(…)->toOthers() does in Laravel, once for each
// page: it has put its socket id into X-Socket-ID.
func (h *hitless) sayToOthers(n int) {
	h.T.Helper()
	for _, g := range h.groups {
		for i, r := range g.Report(h.T) {
			post(h.Stack, map[string]any{
				"name": `App\Events\Said`, "channel": "private-orders", "socket_id": r.Socket,
				"data": fmt.Sprintf(`{"n":%d,"from":"%s %d"}`, n, g.name, i),
			})
		}
	}
}

// wantAllTogether is that each page knows all the others, who are on its node.
func (h *hitless) wantAllTogether() {
	h.T.Helper()
	var want []string
	h.each(func(g *pages, i int, _ string) { want = append(want, fmt.Sprintf("%s-%d", g.name, i)) })
	slices.Sort(want)
	for _, g := range h.groups {
		h.Eventually(fmt.Sprintf("each of %s sees the users %v", g.name, want), func() bool {
			return !slices.ContainsFunc(g.Report(h.T), func(r realclient.Report) bool { return !slices.Equal(r.Views["presence-room"], want) })
		})
	}
}

// visit has somebody come into the room and go, for the nth time.
func (h *hitless) visit(n int) {
	h.T.Helper()
	p, err := h.DialAt(h.Address, &websocket.DialOptions{HTTPClient: overTLS})
	if err != nil {
		h.T.Fatal(err)
	}
	who := `{"user_id":"visitor","user_info":{"name":"visitor"}}`
	message, _ := json.Marshal(map[string]any{"event": "pusher:subscribe", "data": map[string]string{
		"channel": "presence-room", "channel_data": who,
		"auth": devnode.SignChannel(p.ID, "presence-room", who, devnode.DefaultAppKey, devnode.DefaultAppSecret),
	}})
	if err := p.Write(h.T.Context(), websocket.MessageText, message); err != nil {
		h.T.Fatal(err)
	}
	if _, text, err := p.Read(h.T.Context()); err != nil || !bytes.Contains(text, []byte("subscription_succeeded")) {
		h.T.Fatalf("the visitor: got %s, %v, want to be subscribed", text, err)
	}
	h.wantSeen(n, "joining")
	p.CloseNow()
	h.wantSeen(n, "leaving")
}

// overTLS speaks TLS without being told so by the URL.
var overTLS = &http.Client{Transport: &http.Transport{
	DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
		return tls.Dial(network, address, &tls.Config{InsecureSkipVerify: true})
	},
}}

func (h *hitless) wantSeen(times int, what string) {
	h.T.Helper()
	for _, g := range h.groups {
		g.WaitAll(h.T, fmt.Sprintf("the visitor %s, for the %d. time", what, times), func(c *realclient.Client) bool {
			return ofVisitor(c, what) >= times
		})
	}
}

func ofVisitor(c *realclient.Client, what string) (times int) {
	for _, e := range c.Events {
		if e.Name == what && slices.Contains(e.Members, "visitor") {
			times++
		}
	}
	return times
}

// wantNothingNoticed compares what each page has seen with what it would have seen
// on one node all the time.
func (h *hitless) wantNothingNoticed(talk *talk) {
	h.T.Helper()
	for n, g := range h.groups {
		seen := g.WaitAll(h.T, "the last word of everybody", h.hasHeardTheEnd)
		for i, r := range g.Report(h.T) {
			name := fmt.Sprintf("%s %d", g.name, i)
			h.wantKept(name, &h.before[n][i], &seen[i], r.Socket)
			h.wantMembers(name, &seen[i])
			h.wantWhole(name, r, talk)
		}
	}
	h.wantNobodyClosed()
}

// wantNobodyClosed is that only the visitor's connections have ended.
func (h *hitless) wantNobodyClosed() {
	h.T.Helper()
	for _, line := range h.Logs.All("client closed") {
		if line["by"] != "client" {
			h.T.Errorf("got a client that was closed, want none: %v", line)
		}
	}
}

// hasHeardTheEnd is whether the app's last event has come on each channel, and
// the last whisper of each other page.
func (h *hitless) hasHeardTheEnd(c *realclient.Client) bool {
	ends := make(map[string]int)
	for _, e := range c.Events {
		ends[e.Channel+" "+strings.TrimPrefix(e.Name, `App\Events\`)]++
	}
	for _, channel := range pageChannels {
		if ends[channel+" Ended"] == 0 {
			return false
		}
	}
	return ends["private-orders client-ended"] == len(h.groups)*pagesOfAGroup-1
}

// wantKept is that the page has its connection, subscriptions and socket id still.
func (h *hitless) wantKept(name string, before, now *realclient.Client, socket string) {
	h.T.Helper()
	if closes := now.Closes[len(before.Closes):]; len(closes) > 0 || len(now.Nodes) != len(before.Nodes) || now.State != "connected" {
		h.T.Errorf("%s: got the closes %v and the nodes %v, and is %s; want one connection", name, closes, now.Nodes, now.State)
	}
	if len(now.Subscribed) != len(pageChannels) {
		h.T.Errorf("%s: got the subscriptions %v, want each channel once", name, now.Subscribed)
	}
	if len(now.Errors) > len(before.Errors) || len(now.Strays) > 0 {
		h.T.Errorf("%s: got the errors %v and %v on channels of others, want none", name, now.Errors, now.Strays)
	}
	if socket != before.Socket {
		h.T.Errorf("%s: got the socket id %s, want %s still", name, socket, before.Socket)
	}
}

// wantMembers is that here was called once, that nobody joined who was there, or
// left who was not, and that the visitor came and went each time.
func (h *hitless) wantMembers(name string, c *realclient.Client) {
	h.T.Helper()
	heres, there := 0, make(map[string]bool)
	for _, e := range c.Events {
		for _, member := range e.Members {
			if e.Name != "leaving" && there[member] || e.Name == "leaving" && (!there[member] || member == name) {
				h.T.Errorf("%s: got %s of %s, with %v there", name, e.Name, member, there)
			}
			there[member] = e.Name != "leaving"
		}
		if e.Name == "here" {
			heres++
		}
	}
	if joined, left := ofVisitor(c, "joining"), ofVisitor(c, "leaving"); heres != 1 || joined != drains || left != drains {
		h.T.Errorf("%s: got here %d times, the visitor joining %d times and leaving %d times, want 1, %d and %d", name, heres, joined, left, drains, drains)
	}
}

// wantWhole is that the page has all that was said, but not what it said itself.
func (h *hitless) wantWhole(name string, r realclient.Report, talk *talk) {
	h.T.Helper()
	got := make(map[string]realclient.Sequence)
	for _, s := range r.Sequences {
		got[s.Channel+" "+strings.TrimPrefix(s.Event, `App\Events\`)+" "+s.From] = s
	}
	for _, channel := range pageChannels {
		if s := got[channel+" Ticked "]; !s.IsWhole(1, talk.ticks) {
			h.T.Errorf("%s: got %+v on %s, want 1 to %d", name, s, channel, talk.ticks)
		}
	}
	for _, other := range h.names() {
		whispers, events := got["private-orders client-typed "+other], got["private-orders Said "+other]
		if other == name {
			if whispers.Count > 0 || events.Count > 0 {
				h.T.Errorf("%s: got %d whispers and %d events to others of its own, want none", name, whispers.Count, events.Count)
			}
			continue
		}
		if !whispers.IsWhole(1, talk.whispers) || !events.IsWhole(1, drains) {
			h.T.Errorf("%s: got %+v and %+v, want 1 to %d and 1 to %d", name, whispers, events, talk.whispers, drains)
		}
	}
}
