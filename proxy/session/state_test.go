package session

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fermata/internal/pusher"
)

// elsewhere is the session as another process has it.
func elsewhere(t interface{ Fatal(...any) }, s *Session, o Options) *Session {
	text, err := json.Marshal(s.State())
	if err != nil {
		t.Fatal(err)
	}
	var st State
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	app := st.Of([]App{*s.app})
	if app == nil {
		t.Fatal("got no app, want the same")
	}
	there, err := Restore(app, st, o)
	if err != nil {
		t.Fatal(err)
	}
	return there
}

func TestASessionInAnotherProcessGoesOnAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var here, there Counts
		with := func(c *Counts) Options { return Options{MaxSubscriptions: 4, MaxBytes: 100, Counts: c} }
		stays, goes := New(testApp, told, with(&here)), New(testApp, told, with(&there))
		channel := rapid.SampledFrom([]string{"news", "private-a", "presence-b", "cache-c", "\u2028é\U0001f600", "long" + strings.Repeat("x", 40)})
		both := func(text []byte) {
			if a, b := stays.FromClient(text), goes.FromClient(text); string(a) != string(b) {
				t.Fatalf("%s: got %s instead, want %s", text, b, a)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if stays.channels() != goes.channels() || stays.Movable() != goes.Movable() || stays.Present() != goes.Present() || stays.Told() != goes.Told() {
					t.Fatalf("got %q and %v, want %q and %v", goes.channels(), goes.Movable(), stays.channels(), stays.Movable())
				}
				for kind := range pusher.Kinds {
					if here.Of(kind) != there.Of(kind) {
						t.Fatalf("%v: got %d counted, want %d", kind, there.Of(kind), here.Of(kind))
					}
				}
			},
			"subscribe": func(t *rapid.T) {
				name, data := channel.Draw(t, "channel"), ""
				if pusher.IsPresence(name) {
					data = rapid.SampledFrom([]string{`{"user_id":1}`, `{"user_id":"é<&>\ud83d\ude00"}`, `{}`}).Draw(t, "data")
				}
				both(subscribeAs(told, name, data))
			},
			"unsubscribe": func(t *rapid.T) { both(pusher.Unsubscribe(channel.Draw(t, "channel"))) },
			"miss":        func(*rapid.T) { stays.Missed(); goes.Missed() },
			"move":        func(*rapid.T) { stays.Arrived(present); goes.Arrived(present) },
			"hand over": func(t *rapid.T) {
				arrived := elsewhere(t, goes, with(&there))
				goes.End()
				goes = arrived
			},
		})
	})
}

func TestASessionWithMoreThanItMayHaveCannotBeMovedThere(t *testing.T) {
	var counts Counts
	s := elsewhere(t, typical(1), Options{MaxSubscriptions: 2, Counts: &counts})
	if s.Movable() != reasons[tooMany] || s.Told() != typical(1).Told() || counts.Of(pusher.Public) != 0 {
		t.Errorf("got %v and %d counted, want %v and none", s.Movable(), counts.Of(pusher.Public), reasons[tooMany])
	}
}

func TestWhyASessionCannotBeMovedIsKnownElsewhere(t *testing.T) {
	for why := range loss(len(words)) {
		s := New(testApp, told, Options{})
		s.lose(why)
		if why != followed && words[why] == "" {
			t.Errorf("%v: got no word for it", reasons[why])
		}
		if got := elsewhere(t, s, Options{}).Movable(); got != reasons[why] {
			t.Errorf("got %v, want %v", got, reasons[why])
		}
	}
	s, err := Restore(testApp, State{Told: told, Lost: "of a later version", Subscriptions: []StateSubscription{{Channel: "a"}}}, Options{})
	if err != nil || s.Movable() != reasons[earlier] || s.channels() != "" {
		t.Errorf("got %v, %v and %q, want %v and no channels", err, s.Movable(), s.channels(), reasons[earlier])
	}
}

func TestASessionIsOneOfTheSameAppOnly(t *testing.T) {
	st := typical(1).State()
	for _, other := range []App{
		{ID: "other", Key: testApp.Key, Secret: testApp.Secret},
		{ID: testApp.ID, Key: "other", Secret: testApp.Secret},
		{ID: testApp.ID, Key: testApp.Key, Secret: "other"},
	} {
		if st.Of([]App{other}) != nil {
			t.Errorf("got %+v for a session of %+v, want none", other, *testApp)
		}
		all := []App{other, *testApp}
		if got := st.Of(all); got != &all[1] {
			t.Errorf("got %+v, want the session's app", got)
		}
	}
	if text, _ := json.Marshal(st); strings.Contains(string(text), string(testApp.Secret)) {
		t.Errorf("got the app's secret in %s", text)
	}
}

func FuzzRestore(f *testing.F) {
	for _, s := range []*Session{typical(1), moved(), New(testApp, told, Options{MaxSubscriptions: 1})} {
		s.FromClient(subscribeAs(s.Told(), "a", ""))
		text, _ := json.Marshal(s.State())
		f.Add(text)
	}
	f.Add([]byte(`{"told":"1.2","subscriptions":[{"channel":"a","data":"no JSON"}]}`))
	f.Add([]byte(`{"told":"1.2","subscriptions":[{"channel":"a"},{"channel":"a"},{"channel":""}]}`))
	f.Add([]byte(`{"told":"1.2","lost":"new"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var st State
		if json.Unmarshal(text, &st) != nil {
			return
		}
		var counts Counts
		o := Options{MaxSubscriptions: 3, Counts: &counts}
		s, err := Restore(testApp, st, o)
		if err == nil {
			again := elsewhere(t, s, Options{MaxSubscriptions: 3})
			if got, want := again.State(), s.State(); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			s.FromClient(subscribeAs(s.Told(), "private-x", ""))
			s.Again("5.6")
			s.End()
		}
		for kind := range pusher.Kinds {
			if counts.Of(kind) != 0 {
				t.Errorf("%v: got %d counted, want none", kind, counts.Of(kind))
			}
		}
	})
}
