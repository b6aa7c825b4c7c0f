package session

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAListKeepsWhatItIsGiven(t *testing.T) {
	text := rapid.StringN(0, 300, 1200)
	rapid.Check(t, func(t *rapid.T) {
		var l list
		var want []subscription
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if got := slices.Collect(l.all()); !slices.Equal(got, want) {
					t.Fatalf("got %q, want %q", got, want)
				}
			},
			"add": func(t *rapid.T) {
				s := subscription{text.Draw(t, "channel"), text.Draw(t, "data")}
				l, want = l.add(s), append(want, s)
			},
			"find": func(t *rapid.T) {
				channel := text.Draw(t, "channel")
				if len(want) > 0 {
					channel = rapid.SampledFrom(want).Draw(t, "of").channel
				}
				i := slices.IndexFunc(want, func(s subscription) bool { return s.channel == channel })
				e, ok := l.find(channel)
				if ok != (i >= 0) {
					t.Fatalf("%q: got %v, want %v", channel, ok, i >= 0)
				}
				if ok && e.size() != len(channel)+len(want[i].data) {
					t.Fatalf("%q: got %d bytes, want %d", channel, e.size(), len(channel)+len(want[i].data))
				}
				if ok {
					l, want = l.drop(e), slices.Delete(want, i, i+1)
				}
			},
		})
	})
}

func TestWhatWasTakenFromAListStays(t *testing.T) {
	l := list(nil).add(subscription{"a", "1"}).add(subscription{"b", "2"})
	taken := slices.Collect(l.all())
	e, _ := l.find("a")
	l.drop(e).add(subscription{"c", "3"})
	if want := []subscription{{"a", "1"}, {"b", "2"}}; !slices.Equal(taken, want) {
		t.Errorf("got %v, want %v", taken, want)
	}
}
