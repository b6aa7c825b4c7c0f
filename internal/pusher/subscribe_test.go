package pusher

import "testing"

// The examples of Pusher's documentation, "Authenticating private channels" and
// "Authenticating presence channels".
func TestASubscriptionIsSignedAsInPushersDocumentation(t *testing.T) {
	const key, secret, id = "278d425bdf160c739803", "7ad3773142a6692b25b8", "1234.1234"
	f := func(channel, data, want string) {
		t.Helper()
		if got := SignSubscription(key, secret, id, channel, data); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if !VerifySubscription(secret, want, id, channel, data) {
			t.Errorf("%s: got it refused", want)
		}
		for _, wrong := range []string{"", ":", want + "0", want[:len(want)-1], key + ":" + want} {
			if VerifySubscription(secret, wrong, id, channel, data) {
				t.Errorf("%s: got it accepted", wrong)
			}
		}
		if VerifySubscription(secret, want, "1234.1235", channel, data) || VerifySubscription("", want, id, channel, data) {
			t.Error("got it accepted for another id or secret")
		}
	}
	f("private-foobar", "", key+":58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4")
	f("presence-foobar", `{"user_id":10,"user_info":{"name":"Mr. Channels"}}`,
		key+":31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80")
}

func TestMessagesAreWrittenAsReverbReadsThem(t *testing.T) {
	f := func(got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(Subscription{Channel: "a"}.Subscribe(), `{"event":"pusher:subscribe","data":{"channel":"a"}}`)
	f(Subscription{"k:s", `{"user_id":"<é>"}`, "presence-a"}.Subscribe(),
		`{"event":"pusher:subscribe","data":{"auth":"k:s","channel_data":"{\"user_id\":\"<é>\"}","channel":"presence-a"}}`)
	f(Unsubscribe("a"), `{"event":"pusher:unsubscribe","data":{"channel":"a"}}`)
	f(Write(EventMemberRemoved, "presence-a", map[string]int{"user_id": 1}),
		`{"event":"pusher_internal:member_removed","data":"{\"user_id\":1}","channel":"presence-a"}`)
}

// As in Reverb's ChannelBroker.
func TestAChannelsNameSaysWhatItIs(t *testing.T) {
	f := func(channel string, kind Kind, signed, presence, cached bool) {
		t.Helper()
		if KindOf(channel) != kind || IsSigned(channel) != signed || IsPresence(channel) != presence || IsCached(channel) != cached {
			t.Errorf("%s: got %v, signed %v, presence %v, cached %v", channel, KindOf(channel), IsSigned(channel), IsPresence(channel), IsCached(channel))
		}
	}
	f("", Public, false, false, false)
	f("news", Public, false, false, false)
	f("a-private-b", Public, false, false, false)
	f("Private-a", Public, false, false, false)
	f("private-a", Private, true, false, false)
	f("privateer", Private, true, false, false)
	f("private-encrypted-a", Encrypted, true, false, false)
	f("presence-a", Presence, true, true, false)
	f("presence-encrypted-a", Presence, true, true, false)
	f("cache-a", Cache, false, false, true)
	f("cached", Cache, false, false, true)
	f("private-cache-a", Cache, true, false, true)
	f("private-cached", Private, true, false, false)
	f("presence-cache-a", Cache, true, true, true)
	if got := KindOf("private-a").String() + Kinds.String(); got != "privateunknown" {
		t.Errorf("got %s", got)
	}
}
