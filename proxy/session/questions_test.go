package session

import (
	"strings"
	"testing"
)

const refused = `{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"Connection is unauthorized\"}"}`

// A node that refuses what the client had would leave it with less.
func TestARefusalEndsAMove(t *testing.T) {
	l := onThree().Leave(marker)
	a := l.Arrive(present)
	if err := a.FromNode([]byte(answered("a"))); err != nil {
		t.Fatal(err)
	}
	if err := a.FromNode([]byte(refused)); err == nil || !strings.Contains(err.Error(), "pusher:error 4009") {
		t.Errorf("new node: got %v", err)
	}
	wantPassed(t, l, true, refused) // the client's own
	wantPassed(t, l, false, answered(marker), refused)
	if l.Err() == nil || l.Answered() || !l.Clean() {
		t.Errorf("old node: got %v, answered %v, clean %v", l.Err(), l.Answered(), l.Clean())
	}
	wantPassed(t, l, true, refused, answered("presence-c", "7")) // of nothing that was asked here
}

func TestAnAnswerThatIsNotTheNextEndsAMove(t *testing.T) {
	f := func(want string, messages ...string) {
		t.Helper()
		a := onThree().Leave(marker).Arrive(present)
		var err error
		for _, m := range messages {
			err = a.FromNode([]byte(m))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", messages, err, want)
		}
	}
	f("answer for channel", answered("private-b"))
	f("the marker after 1 answers", answered("a"), theMarker)
	f("no list of members", answered("a"), answered("private-b"), `{"event":"pusher_internal:subscription_succeeded","data":"[]","channel":"presence-c"}`)
}

func TestAMarkerThatComesTooEarlyEndsAMove(t *testing.T) {
	l := onThree().Leave(marker)
	wantPassed(t, l, false, answered(marker), theMarker)
	if l.Err() == nil || l.Answered() {
		t.Errorf("got %v, answered %v", l.Err(), l.Answered())
	}
}

func TestNothingElseOnTheMarkersChannelCounts(t *testing.T) {
	l := onThree().Leave(marker)
	wantPassed(t, l, false, answered(marker), answered("presence-c", "7"))
	wantPassed(t, l, false, event(marker, "1"), `{"event":"client-x","channel":"`+marker+`"}`)
	if l.Marked() {
		t.Error("got it marked by a stranger's event")
	}
	wantPassed(t, l, false, theMarker)
	if !l.Marked() {
		t.Error("got it not marked")
	}
}

// Where an app accepts client events from everybody, Reverb passes on all of what
// a stranger has sent, with keys of any kind.
func TestAStrangersKeysAreNotTaken(t *testing.T) {
	l := onThree().Leave(marker)
	wantPassed(t, l, true, `{"event":"client-x","channel":"a","Event":"pusher_internal:subscription_succeeded","Channel":"`+marker+`"}`)
	if l.Clean() {
		t.Error("got an answer from a stranger")
	}
	wantPassed(t, l, false, answered(marker), answered("presence-c", "7", "8"))
	wantPassed(t, l, true, `{"event":"client-x","channel":"presence-c","EVENT":"pusher_internal:member_removed","data":{"user_id":8}}`)
	if len(l.lists["presence-c"]) != 2 {
		t.Error("got a member removed by a stranger")
	}
}

func TestWhatIsNoMessagePasses(t *testing.T) {
	l := onThree().Leave(marker)
	wantPassed(t, l, true, "", "no JSON", `"`+marker+`"`, `["`+marker+`"]`, "\xff", `{"channel":"a"}`)
}

// A node says it behind its answer; Reverb may have a member_removed for it.
func TestWhatACacheChannelSaysToANewSubscriptionIsNoNews(t *testing.T) {
	s := New(testApp, told, Options{})
	s.FromClient(subscribeAs(told, "presence-cache-c", `{"user_id":7}`))
	list := strings.ReplaceAll(answered("presence-c", "7", "8"), "presence-c", "presence-cache-c")
	gone := strings.ReplaceAll(change("removed", "8"), "presence-c", "presence-cache-c")
	for _, last := range []string{gone, event("presence-cache-c", "1"), `{"event":"pusher:cache_miss","channel":"presence-cache-c"}`} {
		l := s.Leave(marker)
		a := l.Arrive(present)
		wantPassed(t, l, false, answered(marker), list)
		if l.Clean() {
			t.Error("got all, want what the channel says")
		}
		wantPassed(t, l, false, last)
		wantPassed(t, l, true, event("presence-cache-c", "2"))
		for _, m := range []string{list, last, answered(marker)} {
			if err := a.FromNode([]byte(m)); err != nil {
				t.Error(err)
			}
		}
		if !l.Answered() || !a.Answered() || len(Difference(l, a)) != 0 {
			t.Errorf("got answered %v and %v, difference %s", l.Answered(), a.Answered(), joined(Difference(l, a)))
		}
	}
	l := s.Leave(marker) // one that is too large is not shown
	wantPassed(t, l, false, answered(marker), list)
	wantPassed(t, l, true, event("a", "1"), event("presence-cache-c", "2"))
}
