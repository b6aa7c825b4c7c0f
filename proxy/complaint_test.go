package proxy

import (
	"strings"
	"testing"
	"time"

	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// frame is a short one of a node.
func frame(text string) string {
	if len(text) > 125 {
		return "\x81\x7e" + string([]byte{byte(len(text) >> 8), byte(len(text))}) + text
	}
	return "\x81" + string([]byte{byte(len(text))}) + text
}

func TestAClientThatItsNodeRefusesGetsTheNodesOwnCode(t *testing.T) {
	old := &client{live: moves.Client{Since: time.Now().Add(-time.Hour)}}
	f := func(c *client, last string, want int) {
		t.Helper()
		told, ok := c.refused(complaint(lastPayload([]byte(last))))
		if ok != (want != 0) || told.Code != want || ok && (told.By != relay.ByRefused || told.After != 0 || told.Err == nil) {
			t.Errorf("%q: got %+v, %v; want the code %d, by %q and at once", last, told, ok, want, relay.ByRefused)
		}
	}
	const unknown = `{"event":"pusher:error","data":"{\"code\":4001,\"message\":\"Application does not exist\"}"}`
	with := func(code string) string { return frame(strings.Replace(unknown, "4001", code, 1)) }
	f(old, with("4001"), 4001)
	f(&client{live: moves.Client{Since: time.Now()}}, with("4001"), 4001)
	f(old, with("4009"), 4009)
	f(old, with("4201"), 4201)
	f(old, with("4301"), 4301)
	f(old, with("4000"), 4000)
	f(old, with("4999"), 4999)
	f(&client{live: moves.Client{Since: time.Now()}}, with("4201"), 4100) // or it would come in a loop
	f(old, frame(`{"event":"pusher:pong"}`)+with("4201"), 4201)
	f(old, frame(`{"event":"pusher:error","data":{"code":4001,"message":"`+strings.Repeat("x", 200)+`"}}`), 4001)

	at125 := `{"event":"pusher:error","data":{"code":4001,"message":"`
	f(old, frame(at125+strings.Repeat("x", 125-3-len(at125))+`"}}`), 4001)

	f(old, "", 0)
	f(old, with("4001")+frame(""), 0)
	f(old, with("4200"), 0) // the node goes, and says no more than that
	f(old, with("0"), 0)
	f(old, with("1000"), 0)
	f(old, with("3999"), 0)
	f(old, with("5000"), 0)
	f(old, with("99999999"), 0)
	f(old, with("4001")+frame(`{"event":"pusher:pong"}`), 0)
	f(old, with("4001")[:40], 0)
	f(old, frame(`{"event":"news","data":"pusher:error"}`), 0)
	f(old, "\x81\x7fpusher:error", 0)
}

func TestOnlyWholeFramesHaveAPayload(t *testing.T) {
	f := func(frames string, want bool) {
		t.Helper()
		if got := lastPayload([]byte(frames)); (got != nil) != want {
			t.Errorf("%q: got %q, want a payload: %v", frames, got, want)
		}
	}
	f(frame(""), true)
	f("\x81\x7e\x00\x00", true) // its length in two bytes, though it is short
	f("\x81\x7e\x00", false)
	f(frame("a")[:2], false)
	f(frame(strings.Repeat("a", 126))[:129], false)
	f(frame(strings.Repeat("a", 126)), true)
}
