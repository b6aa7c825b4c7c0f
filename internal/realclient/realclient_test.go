package realclient_test

import (
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/devnode"
	"fermata/internal/realclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPusherSubscribesReceivesAndComesBack(t *testing.T) {
	for _, library := range []string{realclient.PusherJS, realclient.PusherJS81} {
		t.Run(library, func(t *testing.T) { subscribesReceivesAndComesBack(t, library, realclient.Start) })
	}
}

func TestEchoSubscribesReceivesAndComesBack(t *testing.T) {
	subscribesReceivesAndComesBack(t, realclient.Echo, realclient.Start)
}

func TestABrowserSubscribesReceivesAndComesBack(t *testing.T) {
	for _, library := range []string{realclient.PusherJS, realclient.Echo} {
		t.Run(library, func(t *testing.T) { subscribesReceivesAndComesBack(t, library, realclient.StartBrowser) })
	}
}

var channels = []string{"news", "private-orders", "presence-room"}

func subscribesReceivesAndComesBack(t *testing.T, library string, start func(testing.TB, realclient.Options) *realclient.Clients) {
	node := startNode(t)
	clients := start(t, realclient.Options{
		URL: "ws://" + node.Addr().String(), Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Library: library, Clients: 2, Channels: channels, Events: []string{"OrderShipped", "typing"},
	})
	clients.WaitAll(t, "a subscription to each channel", subscribed)
	clients.Wait(t, "client 1 told of the other one", func(all []realclient.Client) bool {
		return all[0].Has("presence-room", "joining") || all[1].Has("presence-room", "joining")
	})

	for _, channel := range channels {
		node.Publish(channel, eventFor(library), `{"order":7}`)
	}
	clients.WaitAll(t, "the event on each channel", func(c *realclient.Client) bool {
		return received(c, "OrderShipped")
	})

	clients.Whisper(t, 0, "private-orders", "typing", map[string]string{})
	clients.Wait(t, "the whisper at client 1", func(all []realclient.Client) bool {
		return all[1].Has("private-orders", "client-typing")
	})

	node.CloseClients(4200, "drain")
	seen := clients.WaitAll(t, "a new connection after Close 4200", func(c *realclient.Client) bool {
		return len(c.Nodes) == 2 && c.State == "connected" && subscribed(c)
	})
	for i, c := range seen {
		if len(c.Closes) != 1 || c.Closes[0].Code != 4200 || c.Node != "reverb-1" {
			t.Errorf("client %d: got closes %v and node %q, want one 4200 and reverb-1", i, c.Closes, c.Node)
		}
	}
}

func subscribed(c *realclient.Client) bool { return len(c.Subscribed) == len(channels) }

// eventFor is the name under which Laravel sends the event: Echo has a
// namespace before the names that it listens for.
func eventFor(library string) string {
	if library == realclient.Echo {
		return `App\Events\OrderShipped`
	}
	return "OrderShipped"
}

func received(c *realclient.Client, event string) bool {
	for _, channel := range channels {
		if !c.Has(channel, event) {
			return false
		}
	}
	return true
}

func startNode(t *testing.T) *devnode.Node {
	t.Helper()
	node, err := devnode.Start("127.0.0.1:0", devnode.Options{Name: "reverb-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	return node
}
