package session

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"fermata/internal/pusher"
)

func TestSubscriptionsAreCountedForAsLongAsTheyAreKnown(t *testing.T) {
	var counts Counts
	want := func(what string, public, private int64) {
		t.Helper()
		if gotPublic, gotPrivate := counts.Of(pusher.Public), counts.Of(pusher.Private); gotPublic != public || gotPrivate != private {
			t.Errorf("%s: got %d and %d, want %d public and %d private", what, gotPublic, gotPrivate, public, private)
		}
	}
	const id = "1.2"
	a, b := New(testApp, id, Options{Counts: &counts}), New(testApp, id, Options{Counts: &counts, MaxSubscriptions: 2})
	for _, s := range []*Session{a, b} {
		s.FromClient(subscribeAs(id, "news", ""))
		s.FromClient(subscribeAs(id, "private-me", ""))
		s.FromClient(subscribeAs(id, "news", "")) // again
	}
	want("two on two channels", 2, 2)
	a.FromClient([]byte(`{"event":"pusher:unsubscribe","data":{"channel":"news"}}`))
	want("one unsubscribed", 1, 2)
	b.FromClient(subscribeAs(id, "one-too-many", ""))
	want("one is no session any more", 0, 1)
	b.End()
	a.End()
	want("both ended", 0, 0)
}

func TestNoSubscriptionIsCountedForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var counts Counts
		const id = "1.2"
		s := New(testApp, id, Options{Counts: &counts, MaxSubscriptions: 3})
		channel := rapid.SampledFrom([]string{"news", "private-a", "private-encrypted-b", "cache-c", "private-cache-d"})
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				all := int64(0)
				for kind := range pusher.Kinds {
					all += counts.Of(kind)
				}
				if kept := len(slices.Collect(s.subscriptions.all())); all != int64(kept) {
					t.Fatalf("got %d counted, want %d", all, kept)
				}
			},
			"subscribe": func(t *rapid.T) { s.FromClient(subscribeAs(id, channel.Draw(t, "channel"), "")) },
			"unsubscribe": func(t *rapid.T) {
				s.FromClient([]byte(`{"event":"pusher:unsubscribe","data":{"channel":"` + channel.Draw(t, "channel") + `"}}`))
			},
			"miss": func(*rapid.T) { s.Missed() },
			"end":  func(*rapid.T) { s.End() },
		})
	})
}
