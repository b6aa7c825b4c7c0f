package session

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"fermata/internal/pusher"
)

// read is a client's message, read without our code: both levels.
func read(text []byte) (event string, data map[string]any) {
	var m map[string]any
	if json.Unmarshal(text, &m) != nil {
		return "", nil
	}
	event, _ = m["event"].(string)
	switch d := m["data"].(type) {
	case map[string]any:
		data = d
	case string:
		json.Unmarshal([]byte(d), &data)
	}
	return event, data
}

func FuzzFromClient(f *testing.F) {
	f.Add(subscribeAs(told, "private-a", ""))
	f.Add(subscribeAs(told, "presence-a", `{"user_id":1}`))
	f.Add([]byte(`{"event":"pusher:subscribe","data":{"channel":"a"}}`))
	f.Add([]byte(`{"\u0065vent":"pusher:\u0073ubscribe","data":"{\"channel\":\"\\ud83d\\ude00\"}"}`))
	f.Add([]byte(`{"event":"pusher:unsubscribe","data":{"channel":"first"}}`))
	f.Add([]byte(`{"event":"pusher:subscribe","x":[[{"y":[]}],"\ud800"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := moved()
		s.FromClient([]byte(`{"event":"pusher:subscribe","data":{"channel":"first"}}`))
		instead := s.FromClient(bytes.Clone(text))
		event, data := read(text)
		if instead != nil {
			if is, of := read(instead); is != event || !json.Valid(instead) || of["channel"] != data["channel"] {
				t.Errorf("got  %s\nfrom %s", instead, text)
			}
		}
		switch channel, _ := data["channel"].(string); s.channels() {
		case "first":
		case "first " + channel:
			if event != pusher.EventSubscribe || channel == "" {
				t.Errorf("%s: got a subscription to %q", text, channel)
			}
		case "":
			if s.Movable() == nil && (event != pusher.EventUnsubscribe || channel != "first") {
				t.Errorf("%s: got a subscription ended", text)
			}
		default:
			t.Errorf("%s: got %q", text, s.channels())
		}
	})
}

func FuzzSigningAgainChangesOnlyTheSignature(f *testing.F) {
	f.Add("private-a", "", "x", false)
	f.Add("presence-é", `{"user_id":1,"user_info":"\ud83d\ude00"}`, "😀\\\"\n", true)
	f.Fuzz(func(t *testing.T, channel, data, more string, quoted bool) {
		if !pusher.IsSigned(channel) || !utf8.ValidString(channel+data+more) {
			t.Skip()
		}
		inner := map[string]any{"channel": channel, "channel_data": data, more: more,
			"auth": pusher.SignSubscription("key", "secret", told, channel, data)}
		message := func() []byte {
			var outer any = inner
			if quoted {
				text, _ := json.Marshal(inner)
				outer = string(text)
			}
			text, _ := json.Marshal(map[string]any{"event": "pusher:subscribe", "data": outer, more + "x": more})
			return text
		}
		got := moved().FromClient(message())
		if got == nil {
			t.Skip() // more is one of the keys
		}
		inner["auth"] = pusher.SignSubscription("key", "secret", present, channel, data)
		if want := message(); !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func FuzzFromNode(f *testing.F) {
	f.Add(strings.Join([]string{answered("a"), answered(marker), event("a", "1"), answered("presence-c", "7", `"8"`), change("added", "9"), theMarker}, "\n"))
	f.Add(answered(marker) + "\n" + `{"event":"pusher:error","data":"{\"code\":4009}"}`)
	f.Add(answered(marker) + "\n" + `{"event":"pusher_internal:subscription_succeeded","data":"{\"presence\":{\"ids\":[0,1],\"hash\":[null,{}]}}","channel":"presence-c"}`)
	f.Fuzz(func(t *testing.T, texts string) {
		l := onThree().Leave(marker)
		a := l.Arrive(present)
		for text := range strings.Lines(texts) {
			text := []byte(strings.TrimSuffix(text, "\n"))
			a.FromNode(text)
			event, _ := read(text)
			if ours := event == pusher.EventSubscribed || event == pusher.EventError || strings.Contains(string(text), marker) || bytes.Contains(text, []byte(`\u`)); !l.FromNode(text) && !ours {
				t.Errorf("%s: got it kept from the client", text)
			}
		}
		for _, m := range Difference(l, a) {
			if s := heard(string(m)); !json.Valid([]byte(s.data())) || s.Channel != "presence-c" || nameIn(s.data()) == "7" {
				t.Errorf("got %s", m)
			}
		}
	})
}

func FuzzFieldsAreThoseOfEncodingJSON(f *testing.F) {
	f.Add([]byte(` { "a" : 1 , "b":"}\"\\", "c" :[ {"d":"]"} , -1.5e3 ] ,"a":{ } , "":null, "\u0061b":true } `))
	f.Add([]byte(`[{"a":1}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := fields(text)
		var want map[string]json.RawMessage
		if err != nil || json.Unmarshal(text, &want) != nil {
			return
		}
		for _, f := range got {
			if _, ok := want[f.key.text()]; !ok {
				t.Errorf("%s: got a field %q, want none", text, f.key.text())
			}
		}
		for key, raw := range want {
			if f := got.get(key); !bytes.Equal(f.raw, raw) || !bytes.HasPrefix(text[f.at:], raw) {
				t.Errorf("%s: %q: got %s at %d, want %s", text, key, f.raw, f.at, raw)
			}
		}
	})
}
