package devnode

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestASecondSubscriptionIsAnsweredLikeTheFirst(t *testing.T) {
	n := start(t, Options{})
	a, b := greeted(t, n), greeted(t, n)
	b.subscribe(n, "presence-room", `{"user_id":"2"}`)
	first := a.subscribe(n, "presence-room", `{"user_id":"1"}`)
	b.want("pusher_internal:member_added")
	if again := a.subscribe(n, "presence-room", `{"user_id":"1"}`); string(again.Data) != string(first.Data) {
		t.Errorf("got %s the second time, want %s", again.Data, first.Data)
	}
	b.wantSilence() // it is no new member
}

// wantSilence is that nothing comes ahead of a pong.
func (p *peer) wantSilence() {
	p.t.Helper()
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
}

func TestMembersAreToldAsTheyCame(t *testing.T) {
	f := func(want string, users ...string) {
		t.Helper()
		n := start(t, Options{})
		var last message
		for _, user := range users {
			last = greeted(t, n).subscribe(n, "presence-room", user)
		}
		var got string
		if err := json.Unmarshal(last.Data, &got); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	f(`{"presence":{"count":2,"hash":{"7":null,"a":{"n":1}},"ids":["a",7]}}`, `{"user_id":"a","user_info":{"n":1}}`, `{"user_id":7}`)
	f(`{"presence":{"count":1,"hash":{"1":"first"},"ids":[1]}}`, `{"user_id":1,"user_info":"first"}`, `{"user_id":"1","user_info":"second"}`)
	f(`{"presence":{"count":2,"hash":["x","y"],"ids":["0",1]}}`, `{"user_id":"0","user_info":"x"}`, `{"user_id":1,"user_info":"y"}`)
	f(`{"presence":{"count":0,"hash":[],"ids":[]}}`, `{"user_id":"1"}`, `{"user_info":"nobody"}`)
	f(`{"presence":{"count":0,"hash":[],"ids":[]}}`, ``)
}

func TestAMemberCalled0NeverLeaves(t *testing.T) {
	n := start(t, Options{})
	a := greeted(t, n)
	a.subscribe(n, "presence-room", `{"user_id":"1"}`)
	zero := greeted(t, n)
	for range 2 {
		zero.subscribe(n, "presence-room", `{"user_id":"0"}`)
		a.want("pusher_internal:member_added") // each time
	}
	zero.send(`{"event":"pusher:unsubscribe","data":{"channel":"presence-room"}}`)
	zero.wantSilence()
	a.wantSilence()
}

func TestNobodyIsToldOfThemselves(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	p.subscribe(n, "presence-room", `{"user_id":"1"}`)
	p.subscribe(n, "presence-room", `{"user_id":"2"}`) // who is another now
	p.wantSilence()
}

func TestACacheChannelTellsItsLastEvent(t *testing.T) {
	for _, name := range []string{"cache-a", "private-cache-a", "presence-cache-a"} {
		n := start(t, Options{})
		p := greeted(t, n)
		p.subscribe(n, name, `{"user_id":"1"}`)
		if m := p.want("pusher:cache_miss"); m.Channel != name || m.Data != nil {
			t.Errorf("got %+v, want channel %s and no data", m, name)
		}
		n.Publish(name, "one", "")
		n.Publish(name, "two", "")
		p.want("one")
		p.want("two")
		for range 2 { // a second subscription has it, too
			p.subscribe(n, name, `{"user_id":"1"}`)
			p.want("two")
		}
	}
}

func TestACacheChannelForgetsWhenEverybodyHasGone(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	n.Publish("cache-a", "before anybody came", "")
	p.subscribe(n, "cache-a", "")
	p.want("pusher:cache_miss")
	n.Publish("cache-a", "said", "")
	p.want("said")
	p.send(`{"event":"pusher:unsubscribe","data":{"channel":"cache-a"}}`)
	p.subscribe(n, "cache-a", "")
	p.want("pusher:cache_miss")
}

func TestAPresenceCacheChannelKeepsThatSomebodyLeft(t *testing.T) {
	n := start(t, Options{})
	a, b := greeted(t, n), greeted(t, n)
	a.subscribe(n, "presence-cache-a", `{"user_id":"1"}`)
	a.want("pusher:cache_miss")
	b.subscribe(n, "presence-cache-a", `{"user_id":"2"}`)
	b.want("pusher:cache_miss") // that somebody came is not kept
	a.want("pusher_internal:member_added")
	b.ws.CloseNow()
	a.want("pusher_internal:member_removed")
	a.subscribe(n, "presence-cache-a", `{"user_id":"1"}`)
	if m := a.want("pusher_internal:member_removed"); !strings.Contains(string(m.Data), "2") {
		t.Errorf("got %s, want user 2", m.Data)
	}
}
