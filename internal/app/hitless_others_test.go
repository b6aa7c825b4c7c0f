package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/realclient"
)

// TestAPageThatIsMovedDoesNotGetItsOwnEvent has the app exclude pages from their
// own events all the time, while they are moved.
func TestAPageThatIsMovedDoesNotGetItsOwnEvent(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	h := &hitless{Stack: apptest.New(t, 2, secure(t)+apptest.KnownApp+"sticky: {bounded_load: 1}\nsession: {timeout: 1m}\ntimeouts: {header: 1m}\n")}
	h.open("pusher", realclient.PusherJS, realclient.Start)
	g := h.groups[0]
	g.WaitAll(t, "a subscription to each channel", func(c *realclient.Client) bool { return len(c.Subscribed) == len(pageChannels) })
	ctx, cancel := context.WithCancel(t.Context())
	var posting sync.WaitGroup
	for i, r := range g.Report(t) {
		posting.Go(func() { h.publishAs(ctx, r.Socket, fmt.Sprintf("pusher %d", i)) })
	}
	for round := range 2 * drains {
		name := fmt.Sprintf("reverb-%d", round%2+1)
		h.DrainWhole(name, admin.DrainRequest{})
		h.Undrain(name)
	}
	cancel()
	posting.Wait()
	h.tick("Ended", 0)
	g.WaitAll(t, "the end", func(c *realclient.Client) bool { return c.Has("private-orders", `App\Events\Ended`) })
	for i, r := range g.Report(t) {
		own := fmt.Sprintf("pusher %d", i)
		for _, s := range r.Sequences {
			if s.From == own {
				t.Errorf("page %d: got %+v, its own events, want none", i, s)
			}
		}
		if len(r.Sequences) == 0 {
			t.Errorf("page %d: got no event, want those of the other", i)
		}
	}
}

// publishAs has the app publish, again and again, without the sender of this id.
func (h *hitless) publishAs(ctx context.Context, socket, name string) {
	n := 0
	every(ctx, time.Millisecond, func() {
		n++
		post(h.Stack, map[string]any{
			"name": `App\Events\Said`, "channel": "private-orders", "socket_id": socket,
			"data": fmt.Sprintf(`{"n":%d,"from":%q}`, n, name),
		})
	})
}
