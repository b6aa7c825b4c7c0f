package realclient_test

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/realclient"
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

func TestPusher81GivesUpAfterTwoUncleanClosesInNode(t *testing.T) {
	givesUpAfterTwoUncleanCloses(t, realclient.Start)
}

func TestPusher81GivesUpAfterTwoUncleanClosesInABrowser(t *testing.T) {
	givesUpAfterTwoUncleanCloses(t, realclient.StartBrowser)
}

// givesUpAfterTwoUncleanCloses is why a client must never see a 1006.
func givesUpAfterTwoUncleanCloses(t *testing.T, start startFunc) {
	node := startNode(t)
	clients := start(t, realclient.Options{
		URL: "ws://" + node.Addr().String(), Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Library: realclient.PusherJS81,
	})
	for visit := range 4 {
		clients.WaitAll(t, "a connection after clean closes", func(c *realclient.Client) bool {
			return len(c.Nodes) == visit+1 && c.State == "connected"
		})
		if visit < 3 {
			node.CloseClients(4200, "drain")
		}
	}
	node.SetFaults(devnode.Faults{EndAfter101: true})
	node.CloseClients(4200, "drain")
	seen := clients.WaitAll(t, "the state failed", func(c *realclient.Client) bool { return c.State == "failed" })
	unclean := slices.DeleteFunc(slices.Clone(seen[0].Closes), func(c realclient.Close) bool { return c.Clean })
	if len(unclean) < 2 || unclean[0].Code != 1006 {
		t.Errorf("got closes %v, want clean 4200s and at least two 1006", seen[0].Closes)
	}
}

type startFunc func(testing.TB, realclient.Options) *realclient.Clients

var channels = []string{"news", "private-orders", "presence-room"}

func subscribesReceivesAndComesBack(t *testing.T, library string, start startFunc) {
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
		if ends := c.Ended(); len(ends) != 1 || ends[0].Code != 4200 || c.Node != "reverb-1" {
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
