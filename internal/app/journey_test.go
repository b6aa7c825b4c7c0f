package app_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/certs"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/realclient"
)

func TestPusherJourney(t *testing.T) {
	takeJourney(t, realclient.PusherJS, realclient.Start)
}

func TestPusherThatGivesUpOnUncleanClosesJourney(t *testing.T) {
	takeJourney(t, realclient.PusherJS81, realclient.Start)
}

func TestEchoJourney(t *testing.T) {
	takeJourney(t, realclient.Echo, realclient.Start)
}

func TestPusherInABrowserJourney(t *testing.T) {
	takeJourney(t, realclient.PusherJS, realclient.StartBrowser)
}

func TestPusherThatGivesUpOnUncleanClosesInABrowserJourney(t *testing.T) {
	takeJourney(t, realclient.PusherJS81, realclient.StartBrowser)
}

func TestEchoInABrowserJourney(t *testing.T) {
	takeJourney(t, realclient.Echo, realclient.StartBrowser)
}

// takeJourney has one client of the library live through all that can happen
// to its node.
func takeJourney(t *testing.T, library string, start func(testing.TB, realclient.Options) *realclient.Clients) {
	t.Parallel()
	// With a bound of 1, the clients spread evenly over the nodes.
	s := apptest.New(t, 3, secure(t)+`
sticky: {bounded_load: 1}
health: {type: reverb, interval: 500ms, timeout: 5s, reverb: {app_key: `+devnode.DefaultAppKey+`}}
`)
	j := &journey{Stack: s}
	j.others = realclient.Start(t, clientOptions(s, realclient.PusherJS, 3))
	j.client = start(t, clientOptions(s, library, 1))

	first := j.arrive()
	j.whisper()
	j.comeBackTo(first)
	second := j.beDrainedFrom(first)
	j.Undrain(first)
	j.comeBackTo(second)
	third := j.lose(second, j.Node(second).Kill)
	j.lose(third, j.Node(third).Stop)
	j.others.WaitAll(t, "the others connected", func(c *realclient.Client) bool { return settled(c) && neverCut(c) })
}

// secure is the configuration of a listener with a self-signed certificate.
func secure(t *testing.T) string {
	t.Helper()
	pair, err := certs.WriteSelfSigned(t.TempDir(), []string{"127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("listen: [{address: \"127.0.0.1:0\", tls: {certificates: [{cert: %q, key: %q}]}}]\n",
		filepath.ToSlash(pair.Cert), filepath.ToSlash(pair.Key))
}

// journeyChannels is one channel of each kind.
var journeyChannels = []string{"news", "private-orders", "presence-room"}

func clientOptions(s *apptest.Stack, library string, clients int) realclient.Options {
	return realclient.Options{
		URL: "wss://" + s.Address, Insecure: true, Cookies: true,
		Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Library: library, Clients: clients, Channels: journeyChannels, Events: []string{"OrderShipped", "typing"},
	}
}

// journey is what one client lives through, and some others with it.
type journey struct {
	*apptest.Stack
	client *realclient.Clients // the one
	others *realclient.Clients // at least one on each other node
	seen   realclient.Client   // the client at the last stop
	orders int                 // events published
}

// arrive waits until all clients are there, on all nodes, and returns the
// node of the one.
func (j *journey) arrive() string {
	j.T.Helper()
	j.seen = j.client.WaitAll(j.T, "a subscription to each channel", func(c *realclient.Client) bool {
		return settled(c) && c.Has("presence-room", "here")
	})[0]
	nodes := map[string]bool{j.seen.Node: true}
	for _, c := range j.others.WaitAll(j.T, "the others subscribed", settled) {
		nodes[c.Node] = true
	}
	if len(nodes) != len(j.Nodes) {
		j.T.Fatalf("clients on the nodes %v, want some on each of %d", nodes, len(j.Nodes))
	}
	j.publish()
	return j.seen.Node
}

// publish sends an event through Fermata, which everybody must receive on
// every channel.
func (j *journey) publish() {
	j.T.Helper()
	j.orders++
	order := fmt.Sprintf(`{"order":%d}`, j.orders)
	post(j.Stack, map[string]any{"name": `App\Events\OrderShipped`, "channels": journeyChannels, "data": order})
	got := func(c *realclient.Client) bool { return heard(c, order) }
	j.client.WaitAll(j.T, "at the client, the order "+order, got)
	j.others.WaitAll(j.T, "at the others, the order "+order, got)
}

// whisper goes from the client to the others and back.
func (j *journey) whisper() {
	j.T.Helper()
	got := func(c *realclient.Client) bool { return c.Has("private-orders", "client-typing") }
	j.client.Whisper(j.T, 0, "private-orders", "typing", map[string]string{})
	j.others.WaitAll(j.T, "the client's whisper", got)
	j.others.Whisper(j.T, 0, "private-orders", "typing", map[string]string{})
	j.client.WaitAll(j.T, "the whisper of one of the others", got)
}

// comeBackTo has the client's node close its clients with a code on which
// they reconnect, which must bring the client to this node.
func (j *journey) comeBackTo(node string) {
	j.T.Helper()
	before := j.seen
	if got := j.comeBack(func() { j.Node(node).CloseClients(4200, "come back") }, 4200); got != node {
		j.T.Fatalf("came back on %s, want %s, to which it is pinned", got, node)
	}
	if j.seen.Cookie != before.Cookie {
		j.T.Errorf("cookie on the return to %s: got %s, want still %s", node, j.seen.Cookie, before.Cookie)
	}
}

// beDrainedFrom drains the client's node and returns the next one.
func (j *journey) beDrainedFrom(node string) string {
	j.T.Helper()
	before := j.seen
	next := j.comeBack(func() { j.Drain(node, admin.DrainRequest{}) }, 4200)
	j.moved(before)
	return next
}

// lose ends the client's node and returns the next one. A client that has
// come just now is told to wait a second.
func (j *journey) lose(node string, end func()) string {
	j.T.Helper()
	before := j.seen
	next := j.comeBack(end, 4200, 4100)
	j.moved(before)
	return next
}

// moved checks that the client is pinned to another node than before. A
// browser does not show its cookie.
func (j *journey) moved(before realclient.Client) {
	j.T.Helper()
	if j.seen.Node == before.Node {
		j.T.Fatalf("came back on %s, which is gone", j.seen.Node)
	}
	if before.Cookie != "" && j.seen.Cookie == before.Cookie {
		j.T.Errorf("cookie on %s: got the one of %s", j.seen.Node, before.Node)
	}
}

// comeBack has the clients of the client's node end. It waits until all of them,
// the others too, are connected and subscribed anew, and everybody receives
// events. It returns the client's node.
func (j *journey) comeBack(end func(), codes ...int) string {
	j.T.Helper()
	before, left := j.others.WaitAll(j.T, "the others subscribed", settled), j.seen.Node
	end()
	connections := len(j.seen.Nodes) + 1
	j.seen = j.client.WaitAll(j.T, "the client back, and subscribed", func(c *realclient.Client) bool {
		return len(c.Nodes) >= connections && settled(c)
	})[0]
	closes := j.seen.Ended()
	if len(j.seen.Nodes) != connections || len(closes) != connections-1 || !slices.Contains(codes, closes[len(closes)-1].Code) {
		j.T.Fatalf("closes: got %v with nodes %v, want one more, of %v", closes, j.seen.Nodes, codes)
	}
	j.others.Wait(j.T, "the others back, and subscribed", func(all []realclient.Client) bool {
		for i := range all {
			if stays := before[i].Node != left; !settled(&all[i]) || !stays && len(all[i].Nodes) == len(before[i].Nodes) {
				return false
			}
		}
		return true
	})
	j.publish()
	return j.seen.Node
}

// settled is whether the client is connected, with all its subscriptions.
func settled(c *realclient.Client) bool {
	return c.State == "connected" && len(c.Subscribed) == len(journeyChannels)
}

// neverCut is whether every close so far was one on which every pusher-js
// comes back soon.
func neverCut(c *realclient.Client) bool {
	return !slices.ContainsFunc(c.Ended(), func(c realclient.Close) bool { return c.Code != 4200 && c.Code != 4100 })
}

// heard is whether the order has come on each channel.
func heard(c *realclient.Client, order string) bool {
	for _, channel := range journeyChannels {
		if !slices.ContainsFunc(c.Events, func(e realclient.Event) bool { return e.Channel == channel && string(e.Data) == order }) {
			return false
		}
	}
	return true
}

// post publishes an event over TLS with a signed request, which may go to any
// node.
func post(s *apptest.Stack, event any) {
	s.T.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		s.T.Fatal(err)
	}
	path := "/apps/" + devnode.DefaultAppID + "/events"
	query := devnode.Sign("POST", path, nil, body, devnode.DefaultAppKey, devnode.DefaultAppSecret)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	client := http.Client{Transport: transport, Timeout: apptest.Timeout}
	response, err := client.Post("https://"+s.Address+path+"?"+query.Encode(), "application/json", bytes.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		s.T.Fatalf("publishing: got %s, %s, %v", response.Status, answer, err)
	}
}
