package proxy

import (
	"testing"

	"fermata/internal/metrics"
	"fermata/proxy/session"
)

func TestSubscriptionsAreThoseOfTheConfigurationsApps(t *testing.T) {
	var counts subscriptionCounts
	chat, gone := session.App{Key: "chat"}, session.App{Key: "gone"}
	for _, app := range []*session.App{&chat, &chat, &gone} {
		s := session.New(app, "1.2", session.Options{Counts: counts.of(app)})
		s.FromClient([]byte(`{"event":"pusher:subscribe","data":{"channel":"news"}}`))
	}
	got := counts.all([]session.App{chat})
	if want := (metrics.Subscriptions{App: "chat", Kind: "public", Count: 2}); len(got) != 5 || got[0] != want {
		t.Errorf("got %v, want the five kinds of one app, and first %v", got, want)
	}
}
