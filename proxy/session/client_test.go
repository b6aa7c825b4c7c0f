package session

import (
	"fmt"
	"strings"
	"testing"

	"fermata/internal/pusher"
)

const told, present = "111.222", "333.444"

// moved is a session whose node knows it by another id than the client.
func moved() *Session {
	s := New(testApp, told, Options{})
	s.Arrived(present)
	return s
}

// wantChannels compares what is followed after the messages.
func wantChannels(t *testing.T, want string, messages ...string) {
	t.Helper()
	s := New(testApp, told, Options{})
	for _, m := range messages {
		if instead := s.FromClient([]byte(m)); instead != nil {
			t.Errorf("%s: got %s instead, want it as it is", m, instead)
		}
	}
	if got := s.channels(); got != want || s.Movable() != nil {
		t.Errorf("%s:\ngot  %q and %v\nwant %q", messages, got, s.Movable(), want)
	}
}

func TestASubscriptionIsFollowed(t *testing.T) {
	f := func(want string, messages ...string) { t.Helper(); wantChannels(t, want, messages...) }
	signed := string(subscribeAs(told, "private-a", ""))
	f("a", `{"event":"pusher:subscribe","data":{"auth":"","channel":"a"}}`)
	f("a", `{"event":"pusher:subscribe","data":{"channel":"a","auth":null,"channel_data":null}}`)
	f("a", `{"event":"pusher:subscribe","data":"{\"channel\":\"a\"}"}`)
	f("a", `{"\u0065vent":"\u0070\u0075\u0073\u0068\u0065\u0072\u003a\u0073\u0075\u0062\u0073\u0063\u0072\u0069\u0062\u0065","data":{"channel":"\u0061"}}`)
	f("private-a", signed)
	f("private-a", strings.Replace(signed, "key:", "any:", 1))
	f("private-a", strings.Replace(signed, "key:", "", 1))
	f("a b", `{"event":"pusher:subscribe","data":{"channel":"a"}}`, `{"event":"pusher:subscribe","data":{"channel":"b"}}`)
	f("b", `{"event":"pusher:subscribe","data":{"channel":"a"}}`, `{"event":"pusher:subscribe","data":{"channel":"b"}}`, `{"event":"pusher:unsubscribe","data":{"channel":"a"}}`)
	f("b a", `{"event":"pusher:subscribe","data":{"channel":"a"}}`, `{"event":"pusher:subscribe","data":{"channel":"b"}}`, `{"event":"pusher:subscribe","data":{"channel":"a"}}`)
	f("", `{"event":"pusher:unsubscribe","data":{"channel":"never"}}`)
}

func TestTheLastOfEqualKeysCountsAsInPHP(t *testing.T) {
	f := func(want string, messages ...string) { t.Helper(); wantChannels(t, want, messages...) }
	f("b", `{"event":"pusher:subscribe","data":{"channel":"a","channel":"b"}}`)
	f("b", `{"event":"x","data":{"channel":"a"},"event":"pusher:subscribe","data":{"channel":"b"}}`)
	f("", `{"event":"pusher:subscribe","data":{"channel":"a"},"event":"client-x"}`)
	f("a", `{"event":"pusher:subscribe","data":{"channel":"a","Channel":"b"},"Event":"x","DATA":{"channel":"c"}}`)
	f("", `{"Event":"pusher:subscribe","data":{"channel":"a"}}`)
}

func TestWhatANodeRefusesDoesNotCount(t *testing.T) {
	for _, m := range []string{
		string(subscribeAs("999.999", "private-a", "")),
		`{"event":"pusher:subscribe","data":{"channel":"private-a"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"privateer"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"key:00","channel_data":"{\"user_id\":1}"}}`,
		strings.Replace(string(subscribeAs(told, "private-a", "")), `"channel":"private-a"`, `"channel":"private-b"`, 1),
		`{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"` + strings.ToUpper(pusher.SignSubscription("", "secret", told, "private-a", "")) + `"}}`,
		`{"event":"pusher:subscribe","data":{"auth":"x"}}`,
		`{"event":"pusher:subscribe","data":{"channel":null}}`,
		`{"event":"pusher:subscribe","data":["a"]}`,
		`{"event":"pusher:subscribe","data":7}`,
		`{"event":"pusher:subscribe"}`,
		`{"event":"subscribe","data":{"channel":"a"}}`,
		`["pusher:subscribe"]`,
		`"pusher:subscribe"`,
		`{"event":{"pusher:subscribe":1}}`,
	} {
		wantChannels(t, "a", `{"event":"pusher:subscribe","data":{"channel":"a"}}`, m)
	}
}

// PHP and Go do not read the same in each of these, or it would take us more
// than it is worth to know.
func TestASessionThatCannotBeFollowedIsNotBelieved(t *testing.T) {
	for _, m := range []string{
		`{"event":"pusher:subscribe","data":{"channel":"a","x":TRUE}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a"},"x":"\ud800"}`,
		`{"event":"pusher:subscribe","data":{"channel":"a"},"x":"\udc00\ud800"}`,
		"{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"a\"},\"x\":\"\xff\"}",
		`{"event":"pusher:subscribe","data":{"channel":"a"},"x":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `}`,
		`{"event":"pusher:subscribe","data":{"channel":5}}`,
		`{"event":"pusher:unsubscribe","data":{"channel":true}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a","auth":1}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a","channel_data":{"user_id":1}}}`,
		`{"event":"pusher:subscribe","data":{"channel":""}}`,
		`{"event":"pusher:subscribe","data":{"channel":"0"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a","channel_data":"no JSON"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a","channel_data":"0"}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a"}`,
		string(subscribeAs(told, "presence-a", `{"user_id":"0"}`)),
		string(subscribeAs(told, "presence-a", `{"user_id":0}`)),
		string(subscribeAs(told, "presence-a", `{"user_id":null}`)),
		string(subscribeAs(told, "presence-a", `{}`)),
		string(subscribeAs(told, "presence-a", ``)),
	} {
		s := New(testApp, told, Options{})
		s.FromClient([]byte(m))
		if s.Movable() == nil {
			t.Errorf("%s: got a session with %q, want none", m, s.channels())
		}
	}
	s := New(testApp, told, Options{})
	s.Missed()
	if s.Movable() == nil {
		t.Error("missed: got a session, want none")
	}
}

func TestASessionIsBounded(t *testing.T) {
	s := New(testApp, told, Options{MaxSubscriptions: 2, MaxBytes: 10})
	ask := func(event, channel string) {
		s.FromClient(fmt.Appendf(nil, `{"event":"pusher:%s","data":{"channel":%q}}`, event, channel))
	}
	for range 5 { // what is given back can be had again
		ask("subscribe", "aaaaa")
		ask("subscribe", "aaaaa")
		ask("subscribe", "bbbbb")
		ask("unsubscribe", "aaaaa")
	}
	if err := s.Movable(); err != nil {
		t.Fatal(err)
	}
	long := New(testApp, told, Options{MaxBytes: 10})
	long.FromClient([]byte(`{"event":"pusher:subscribe","data":{"channel":"01234567890"}}`))
	ask("subscribe", "c")
	ask("subscribe", "d")
	for _, s := range []*Session{s, long} {
		if s.Movable() == nil || s.subscriptions != nil {
			t.Errorf("got %v with %q, want an error and nothing kept", s.Movable(), s.channels())
		}
	}
}

func TestAMovedClientsSubscriptionIsSignedAgain(t *testing.T) {
	f := func(channel, data string) {
		t.Helper()
		s := moved()
		was, want := subscribeAs(told, channel, data), string(subscribeAs(present, channel, data))
		if got := s.FromClient(was); string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if s.channels() != channel {
			t.Errorf("got %q, want %q", s.channels(), channel)
		}
	}
	f("private-a", "")
	f("presence-ä", `{"user_id":7,"user_info":{"name":"\ud83d\ude00 \"é\\"}}`)
	f("private-cache-a", "[]")
}

// The message is a client's: nothing but the signature is ours.
func TestOnlyTheSignatureOfASubscriptionChanges(t *testing.T) {
	was := pusher.SignSubscription("key", "secret", told, "private-a", "")
	now := pusher.SignSubscription("key", "secret", present, "private-a", "")
	f := func(form, was string) {
		t.Helper()
		message, want := strings.ReplaceAll(form, "AUTH", was), strings.ReplaceAll(form, "AUTH", now)
		if got := moved().FromClient([]byte(message)); string(got) != want {
			t.Errorf("%s:\ngot  %s\nwant %s", message, got, want)
		}
	}
	plain := ` { "x" : [1.0e+2, "\/\u00e9"], "data":{"auth" : "AUTH" ,"channel":"private-a", "é":1} ,"event":"pusher:\u0073ubscribe"}` + "\n"
	f(plain, was)
	f(plain, `\u006bey`+strings.TrimPrefix(was, "key"))
	f(`{"event":"pusher:subscribe","data":{"auth":"first","channel":"private-a","auth":"AUTH"}}`, was)
	quoted := `{"event":"pusher:subscribe","data":"{\"\\ud83d\\ude00\":\"\ud83d\ude00é\\u00e9\", \"auth\":\"AUTH\",\"channel\":\"private-\u0061\"}"}`
	f(quoted, was)
	f(quoted, `\\u006bey`+strings.TrimPrefix(was, "key"))
	f(quoted, `\u006bey`+strings.TrimPrefix(was, "key"))
}

func TestAMovedClientsWrongSignatureIsPassedOn(t *testing.T) {
	s := moved()
	for _, id := range []string{"9.9", ""} {
		if got := s.FromClient(subscribeAs(id, "private-a", "")); got != nil || s.channels() != "" {
			t.Errorf("%q: got %s and %q, want the message as it is", id, got, s.channels())
		}
	}
}

// Its node would take it.
func TestASubscriptionSignedForTheNodesIdCounts(t *testing.T) {
	s := moved()
	if got := s.FromClient(subscribeAs(present, "private-a", "")); got != nil || s.channels() != "private-a" {
		t.Errorf("got %s and %q", got, s.channels())
	}
}

func TestAClientThatIsNoSessionAnyMoreIsStillSignedFor(t *testing.T) {
	s := moved()
	s.Missed()
	if got := s.FromClient(subscribeAs(told, "private-a", "")); string(got) != string(subscribeAs(present, "private-a", "")) {
		t.Errorf("got %s", got)
	}
}
