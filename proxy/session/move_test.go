package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fermata/internal/pusher"
)

const marker = "fermata-0123"

// onThree is a session on a public, a private and a presence channel.
func onThree() *Session {
	s := New(testApp, told, Options{})
	s.FromClient(subscribeAs(told, "a", ""))
	s.FromClient(subscribeAs(told, "private-b", ""))
	s.FromClient(subscribeAs(told, "presence-c", `{"user_id":7,"user_info":{"n":"me"}}`))
	return s
}

// answered is a node's answer to a subscription; users are written as JSON.
func answered(channel string, users ...string) string {
	data := "{}"
	if pusher.IsPresence(channel) {
		var hash []string
		for _, u := range users {
			hash = append(hash, fmt.Sprintf(`"%s":{"n":"%[1]s"}`, strings.Trim(u, `"`)))
		}
		data = fmt.Sprintf(`{"presence":{"count":%d,"ids":[%s],"hash":{%s}}}`, len(users), strings.Join(users, ","), strings.Join(hash, ","))
	}
	return fmt.Sprintf(`{"event":"pusher_internal:subscription_succeeded","data":%q,"channel":%q}`, data, channel)
}

func event(channel, data string) string {
	return fmt.Sprintf(`{"event":"news","data":%q,"channel":%q}`, data, channel)
}

// change is a member_added or member_removed; the id is written as JSON.
func change(how, id string) string {
	return fmt.Sprintf(`{"event":"pusher_internal:member_%s","data":%q,"channel":"presence-c"}`, how, `{"user_id":`+id+`,"user_info":1}`)
}

var theMarker = fmt.Sprintf(`{"event":"fermata:marker","data":"{}","channel":%q}`, marker)

// wantMessages compares texts.
func wantMessages(t *testing.T, got [][]byte, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(g []byte, w string) bool { return string(g) == w }) {
		t.Errorf("got\n%s\nwant\n%s", joined(got), strings.Join(want, "\n"))
	}
}

func joined(messages [][]byte) string {
	var lines []string
	for _, m := range messages {
		lines = append(lines, string(m))
	}
	return strings.Join(lines, "\n")
}

func wantPassed(t *testing.T, l *Leaving, pass bool, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if got := l.FromNode([]byte(m)); got != pass {
			t.Errorf("%s: got passed %v, want %v", m, got, pass)
		}
	}
}

func TestAMove(t *testing.T) {
	s := onThree()
	l := s.Leave(marker)
	wantMessages(t, l.Messages(), `{"event":"pusher:subscribe","data":{"channel":"`+marker+`"}}`,
		string(pusher.Subscription{Channel: "presence-c", ChannelData: `{"user_id":7,"user_info":{"n":"me"}}`,
			Auth: pusher.SignSubscription("key", "secret", told, "presence-c", `{"user_id":7,"user_info":{"n":"me"}}`)}.Subscribe()))
	wantPassed(t, l, true, answered("private-b"), answered("presence-c", "7"), `{"event":"pusher:error"}`) // to the client's own
	wantPassed(t, l, false, answered(marker))
	wantPassed(t, l, true, event("a", "1"))
	wantPassed(t, l, false, answered("presence-c", "7", "8", `"9"`))
	wantPassed(t, l, true, change("removed", "8"), change("added", "10"))
	if !l.Answered() || l.Marked() || l.Err() != nil {
		t.Errorf("got answered %v, marked %v, %v", l.Answered(), l.Marked(), l.Err())
	}

	a := l.Arrive(present)
	if got := len(a.Messages()); got != 4 {
		t.Errorf("got %d messages for the new node, want 4", got)
	}
	for _, m := range []string{
		answered("a"), answered("private-b"), event("a", "0"), event("a", "1"), answered("presence-c", "7", "11", "12"),
		change("removed", "12"), change("added", `"13"`), answered(marker), theMarker, change("added", "14"),
	} {
		if err := a.FromNode([]byte(m)); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
	wantPassed(t, l, false, theMarker)
	if !a.Answered() || !a.Marked() || !l.Marked() {
		t.Errorf("got answered %v, marked %v and %v, want all", a.Answered(), a.Marked(), l.Marked())
	}
	wantMessages(t, Difference(l, a),
		`{"event":"pusher_internal:member_removed","data":"{\"user_id\":10}","channel":"presence-c"}`,
		`{"event":"pusher_internal:member_removed","data":"{\"user_id\":\"9\"}","channel":"presence-c"}`,
		`{"event":"pusher_internal:member_added","data":"{\"user_id\":11,\"user_info\":{\"n\":\"11\"}}","channel":"presence-c"}`,
		`{"event":"pusher_internal:member_added","data":"{\"user_id\":\"13\",\"user_info\":1}","channel":"presence-c"}`)
	wantMessages(t, a.Settle(), `{"event":"pusher:unsubscribe","data":{"channel":"`+marker+`"}}`)
	s.Arrived(present)
	if s.Told() != told || s.Present() != present {
		t.Errorf("got %s as %s", s.Told(), s.Present())
	}
}

// The new node's side may still be at work when the client is read again.
func TestAMoveHasASnapshotOfTheSession(t *testing.T) {
	s := onThree()
	l := s.Leave(marker)
	want := joined(l.Arrive(present).Messages())
	s.FromClient([]byte(`{"event":"pusher:unsubscribe","data":{"channel":"a"}}`))
	s.FromClient([]byte(`{"event":"pusher:subscribe","data":{"channel":"z"}}`))
	if got := joined(l.Arrive(present).Messages()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestASessionIsMadeAnewOnANodeThatKnowsNothing(t *testing.T) {
	s := onThree()
	data := `{"user_id":7,"user_info":{"n":"me"}}`
	wantMessages(t, s.Again(present),
		string(pusher.Subscription{Channel: "a"}.Subscribe()),
		string(pusher.Subscription{Channel: "private-b", Auth: pusher.SignSubscription("key", "secret", present, "private-b", "")}.Subscribe()),
		string(pusher.Subscription{Channel: "presence-c", ChannelData: data, Auth: pusher.SignSubscription("key", "secret", present, "presence-c", data)}.Subscribe()))
	if s.Present() != told {
		t.Errorf("got %s before it has arrived, want %s", s.Present(), told)
	}
}

func TestTheMarkerIsPublishedOnTheChannelsOfAllThatMove(t *testing.T) {
	if got, want := string(Marker("a", "b")), `{"name":"fermata:marker","channels":["a","b"],"data":"{}"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a, b := NewChannel(), NewChannel(); a == b || len(a) != len("fermata-")+32 || pusher.KindOf(a) != pusher.Public {
		t.Errorf("got %s and %s, want two random public channels", a, b)
	}
}

func TestAMoveThatIsGivenUpIsHiddenToItsEnd(t *testing.T) {
	l := onThree().Leave(marker)
	wantPassed(t, l, true, pong)
	wantPassed(t, l, false, answered(marker))
	if got := GiveUp(marker); len(got) != 2 || !strings.Contains(string(got[0]), marker) || !strings.Contains(string(got[1]), pusher.EventPing) {
		t.Errorf("got %q, want an unsubscription and a ping", got)
	}
	l.GivenUp()
	wantPassed(t, l, true, pong) // to what the client had asked before
	wantPassed(t, l, false, answered("presence-c", "7"), theMarker)
	wantPassed(t, l, true, event("a", "1"))
	if l.Over() {
		t.Error("got over before the pong")
	}
	wantPassed(t, l, false, pong)
	if !l.Over() {
		t.Error("got not over after the pong")
	}
	wantPassed(t, l, true, pong) // the client's own
}

const pong = `{"event":"pusher:pong"}`
