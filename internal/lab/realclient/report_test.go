package realclient_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"fermata/internal/lab/devnode"
	"fermata/internal/lab/realclient"
)

func TestPusherReports(t *testing.T) {
	reportWhatCame(t, realclient.PusherJS, realclient.Start)
}

func TestEchoReports(t *testing.T) {
	reportWhatCame(t, realclient.Echo, realclient.Start)
}

func TestABrowserReports(t *testing.T) {
	for _, library := range []string{realclient.PusherJS, realclient.Echo} {
		t.Run(library, func(t *testing.T) { reportWhatCame(t, library, realclient.StartBrowser) })
	}
}

var kinds = []string{"news", "private-orders", "presence-room", "cache-weather", "private-encrypted-safe"}

func reportWhatCame(t *testing.T, library string, start startFunc) {
	node := startNode(t)
	clients := start(t, realclient.Options{
		URL: "ws://" + node.Addr().String(), Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Library: library, Clients: 2, Name: "page", Channels: kinds,
		Events: []string{"Ticked", "typed", "ended"}, Numbered: []string{"Ticked", "typed"},
	})
	seen := clients.WaitAll(t, "a subscription to each channel", func(c *realclient.Client) bool {
		return len(c.Subscribed) == len(kinds) && c.Has("cache-weather", "pusher:cache_miss")
	})
	for _, channel := range kinds {
		for _, n := range []int{1, 2, 5, 4, 4} { // 3 is missed, the first 4 late, the second there before
			data := realclient.Encrypt(channel, fmt.Sprintf(`{"n":%d}`, n), devnode.DefaultAppSecret)
			node.Publish(channel, eventAs(library, "Ticked"), data)
		}
	}
	for n := range 3 {
		clients.Whisper(t, 1, "private-orders", "typed", map[string]any{"n": n + 1, "from": "page 1"})
	}
	clients.Whisper(t, 1, "private-orders", "ended", map[string]any{})
	clients.Wait(t, "the last whisper", func(all []realclient.Client) bool { return all[0].Has("private-orders", "client-ended") })

	for i, r := range clients.Report(t) {
		if r.Socket != seen[i].Socket {
			t.Errorf("client %d: got the socket id %s, want %s", i, r.Socket, seen[i].Socket)
		}
		if got := r.Views["presence-room"]; !slices.Equal(got, []string{"page-0", "page-1"}) {
			t.Errorf("client %d: got the users %v, want page-0 and page-1", i, got)
		}
		for _, channel := range kinds {
			s := sequenceOf(r, channel, eventAs(library, "Ticked"), "Ticked")
			if want := (realclient.Sequence{First: 1, Last: 5, Count: 5, Missed: 1, Twice: 1, Late: 1}); numbers(s) != want {
				t.Errorf("client %d on %s: got %+v, want %+v", i, channel, s, want)
			}
		}
		if s := sequenceOf(r, "private-orders", "client-typed"); s.IsWhole(1, 3) != (i == 0) {
			t.Errorf("client %d: got %+v of the whispers of client 1", i, s)
		}
	}
}

func TestClientsShareRoomsWithAFew(t *testing.T) {
	node := startNode(t)
	clients := realclient.Start(t, realclient.Options{
		URL: "ws://" + node.Addr().String(), Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret,
		Clients: 3, Name: "page", Channels: []string{"news"}, Room: 2, Untold: []string{"here", "joining"},
	})
	clients.WaitAll(t, "both subscriptions", func(c *realclient.Client) bool { return len(c.Subscribed) == 2 })
	node.Publish("news", "ended", `{}`) // comes after all that the nodes tell of members
	clients.WaitAll(t, "an event", func(c *realclient.Client) bool { return c.Has("news", "ended") })
	reports := clients.Report(t)
	for i, users := range [][]string{{"page-0", "page-1"}, {"page-0", "page-1"}, {"page-2"}} {
		room := fmt.Sprintf("presence-page.%d", i/2)
		if got := reports[i].Views[room]; !slices.Equal(got, users) {
			t.Errorf("client %d: got %v in %s, want %v", i, got, room, users)
		}
	}
	clients.WaitAll(t, "nothing that is untold", func(c *realclient.Client) bool { return len(c.Events) == 1 })
}

// eventAs is the name under which Laravel sends the event.
func eventAs(library, event string) string {
	if library == realclient.Echo {
		return `App\Events\` + event
	}
	return event
}

func sequenceOf(r realclient.Report, channel string, events ...string) (found realclient.Sequence) {
	for _, s := range r.Sequences {
		if s.Channel == channel && slices.Contains(events, s.Event) {
			return s
		}
	}
	return found
}

// numbers are a sequence without its names.
func numbers(s realclient.Sequence) realclient.Sequence {
	s.Channel, s.Event, s.From = "", "", ""
	return s
}

func TestWhatComesOnAChannelThatNobodyAskedForIsReported(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer ws.CloseNow()
		for _, m := range []string{
			`{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":30}"}`,
			`{"event":"said","channel":"news","data":"{}"}`,
			`{"event":"said","channel":"secret","data":"{}"}`,
		} {
			ws.Write(r.Context(), websocket.MessageText, []byte(m))
		}
		ws.Read(r.Context()) // the subscription
		ws.Read(r.Context()) // until the client goes
	}))
	t.Cleanup(server.Close)
	clients := realclient.Start(t, realclient.Options{URL: strings.Replace(server.URL, "http", "ws", 1), Key: "key", Channels: []string{"news"}})
	seen := clients.WaitAll(t, "a stray event", func(c *realclient.Client) bool { return len(c.Strays) > 0 })
	if got := seen[0].Strays; len(got) != 1 || got[0].Channel != "secret" || got[0].Name != "said" {
		t.Errorf("got %+v, want said on secret", got)
	}
}
