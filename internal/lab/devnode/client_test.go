package devnode

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestAClientIsGreeted(t *testing.T) {
	n := start(t, Options{Name: "reverb-1"})
	var got established
	connect(t, n, nil).data("pusher:connection_established", &got)
	if got.SocketID == "" || got.ActivityTimeout != 30 || got.Node != "reverb-1" {
		t.Errorf("got %+v", got)
	}
}

func TestAPingGetsAPong(t *testing.T) {
	p := greeted(t, start(t, Options{}))
	p.send(`{"event":"pusher:ping","data":{}}`)
	p.want("pusher:pong")
}

func TestAnUnknownKeyIs4001AndThenABareFIN(t *testing.T) {
	n := start(t, Options{})
	c := dial(t, n, handshake("wrong"))
	got, r := head(t, c)
	if !strings.HasPrefix(got, "HTTP/1.1 101") {
		t.Fatalf("got %q, want 101 first", got)
	}
	rest := make([]byte, 1000)
	var frames []byte
	for {
		count, err := r.Read(rest)
		frames = append(frames, rest[:count]...)
		if err != nil {
			break
		}
	}
	const want = `{"event":"pusher:error","data":"{\"code\":4001,\"message\":\"Application does not exist\"}"}`
	if string(frames) != "\x81"+string(rune(len(want)))+want {
		t.Errorf("got %q, want the error's frame and nothing more", frames)
	}
}

func TestOverQuotaIs4004AndTheClientWorks(t *testing.T) {
	n := start(t, Options{MaxConnections: 1})
	greeted(t, n).subscribe(n, "news", "")
	p := connect(t, n, nil)
	p.wantError(errQuota)
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
	p.subscribe(n, "news", "")
}

func TestAForeignOriginIs4009AndTheClientWorks(t *testing.T) {
	n := start(t, Options{AllowedOrigins: []string{"*.example.com"}})
	p := connect(t, n, http.Header{"Origin": {"https://example.org"}})
	p.wantError(errOrigin)
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
	connect(t, n, http.Header{"Origin": {"https://app.example.com"}}).want("pusher:connection_established")
}

func TestAnEventReachesSubscribersButNotItsSender(t *testing.T) {
	n := start(t, Options{})
	a, b, c := greeted(t, n), greeted(t, n), greeted(t, n)
	a.subscribe(n, "news", "")
	b.subscribe(n, "news", "")
	body, _ := json.Marshal(map[string]any{"name": "said", "channels": []string{"news"}, "data": `{"a":1}`, "socket_id": b.id})
	if got, answer := call(t, n, "POST", "/apps/"+DefaultAppID+"/events", nil, string(body)); got != 200 || answer != "{}" {
		t.Fatalf("got %d %s", got, answer)
	}
	if m := a.want("said"); m.Channel != "news" || string(m.Data) != `"{\"a\":1}"` {
		t.Errorf("got %+v", m)
	}
	for _, p := range []*peer{b, c} {
		p.send(`{"event":"pusher:ping"}`)
		p.want("pusher:pong")
	}
}

func TestABatchIsSeveralEvents(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	p.subscribe(n, "a", "")
	p.subscribe(n, "b", "")
	const body = `{"batch":[{"name":"one","channel":"a","data":"1"},{"name":"two","channel":"b","data":"2"}]}`
	if got, answer := call(t, n, "POST", "/apps/"+DefaultAppID+"/batch_events", nil, body); got != 200 {
		t.Fatalf("got %d %s", got, answer)
	}
	p.want("one")
	p.want("two")
}

// Up to Reverb 1.10.2 its controller takes a subscription for a connection.
func TestABatchThatNamesAClientOfTheNodeIsA500(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	p.subscribe(n, "a", "")
	f := func(socketID string, want int) {
		t.Helper()
		body := `{"batch":[{"name":"one","channel":"a","data":"1"},{"name":"two","channel":"a","data":"2","socket_id":"` + socketID + `"}]}`
		if got, answer := call(t, n, "POST", "/apps/"+DefaultAppID+"/batch_events", nil, body); got != want {
			t.Errorf("got %d %s, want %d", got, answer, want)
		}
		p.want("one")
	}
	f(p.id, http.StatusInternalServerError)
	n.SetFaults(Faults{CarrySender: true})
	f(p.id, http.StatusOK)
	n.SetFaults(Faults{})
	f("1.2", http.StatusOK)
	p.want("two")
}

func TestAnEventWithoutNameDataOrChannelIs422(t *testing.T) {
	n := start(t, Options{})
	f := func(body string, want int) {
		t.Helper()
		if got, _ := call(t, n, "POST", "/apps/"+DefaultAppID+"/events", nil, body); got != want {
			t.Errorf("%q: got %d, want %d", body, got, want)
		}
	}
	f(`{"name":"e","data":"d"}`, http.StatusUnprocessableEntity)
	f(`{"name":"e","channel":"c"}`, http.StatusUnprocessableEntity)
	f(`{"channel":"c","data":"d"}`, http.StatusUnprocessableEntity)
	f(``, http.StatusInternalServerError) // no JSON
	f(`{`, http.StatusInternalServerError)
}

func TestAnUnsubscribedClientGetsNothing(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	p.send(`{"event":"pusher:unsubscribe","data":{"channel":"news"}}`)
	waitFor(t, n, func(s Stats) bool { return s.Subscribed == 0 })
	n.Publish("news", "said", "hello")
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
}

func TestAPrivateChannelNeedsASignature(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	p.send(`{"event":"pusher:subscribe","data":{"channel":"private-a","auth":"%s:0000"}}`, DefaultAppKey)
	p.wantError(errAuth)
	p.send(`{"event":"pusher:subscribe","data":{"channel":"private-a"}}`)
	p.wantError(errAuth)
	p.subscribe(n, "private-a", "")
	p.send(`{"event":"pusher:subscribe","data":{"channel":"private-encrypted-a"}}`)
	p.wantError(errAuth)
	p.subscribe(n, "private-encrypted-a", "")
	p.send(`{"event":"pusher:subscribe","data":{"channel":"privately"}}`) // the word is enough
	p.wantError(errAuth)
}

func TestANodeWithANameTellsItToSubscribers(t *testing.T) {
	p := greeted(t, start(t, Options{Name: "reverb-1"}))
	p.send(`{"event":"pusher:subscribe","data":{"channel":"news"}}`)
	if got := p.want("pusher_internal:subscription_succeeded"); !strings.Contains(string(got.Data), "reverb-1") {
		t.Errorf("got %+v, want the node's name", got)
	}
}

func TestAnAuthIsItsSignatureWhateverTheKeyBeforeIt(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	signature := signChannel(p.id, "private-a", "", DefaultAppSecret)
	for _, auth := range []string{"another-key:" + signature, signature} {
		p.send(`{"event":"pusher:subscribe","data":{"channel":"private-a","auth":%q}}`, auth)
		p.want("pusher_internal:subscription_succeeded")
	}
}

func TestAClientEventReachesTheOthersOnAPrivateChannel(t *testing.T) {
	n := start(t, Options{})
	a, b, c := greeted(t, n), greeted(t, n), greeted(t, n)
	a.subscribe(n, "private-a", "")
	b.subscribe(n, "private-a", "")
	c.send(`{"event":"client-hi","channel":"private-a","data":{"n":0}}`)
	c.wantError(errNoMember)
	a.send(`{"event":"client-hi","channel":"private-a","data":{"n":1}}`)
	if m := b.want("client-hi"); string(m.Data) != `{"n":1}` || m.Channel != "private-a" {
		t.Errorf("got %+v", m)
	}
	a.send(`{"event":"pusher:ping"}`)
	a.want("pusher:pong")
}

func TestAClientEventMayGoToAPublicChannel(t *testing.T) {
	n := start(t, Options{})
	a, b := greeted(t, n), greeted(t, n)
	a.subscribe(n, "news", "")
	b.subscribe(n, "news", "")
	a.send(`{"event":"client-hi","channel":"news"}`)
	if m := b.want("client-hi"); string(m.Data) != "null" || m.UserID != nil {
		t.Errorf("got %+v, want no data and nobody", m)
	}
}

func TestAClientEventOnAPresenceChannelSaysWhoseItIs(t *testing.T) {
	n := start(t, Options{})
	a, b := greeted(t, n), greeted(t, n)
	b.subscribe(n, "presence-room", `{"user_id":"2"}`)
	a.subscribe(n, "presence-room", `{"user_id":1}`)
	b.want("pusher_internal:member_added")
	a.send(`{"event":"client-hi","channel":"presence-room","data":"[1]"}`)
	if m := b.want("client-hi"); string(m.Data) != "[1]" || string(m.UserID) != "1" {
		t.Errorf("got %+v, want data [1] of user 1", m)
	}
}

func TestAMessageThatReverbDoesNotKnowIs4200(t *testing.T) {
	p := greeted(t, start(t, Options{}))
	for _, m := range []string{
		`{`, `{"data":{}}`, `{"event":"pusher:what"}`, `{"event":"client-hi"}`,
		`{"event":"client-hi","channel":"a","data":"text"}`, `{"event":"pusher:subscribe","data":{}}`,
		`{"event":"pusher:subscribe","data":{"channel":"a","channel_data":"no JSON"}}`,
	} {
		p.send("%s", m)
		p.wantError(errFormat)
	}
	p.send(`{"event":"other","channel":"a"}`) // is ignored
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
}

func TestAClientAboveTheRateLimitIs4301(t *testing.T) {
	p := greeted(t, start(t, Options{MaxMessages: 1}))
	p.send(`{"event":"pusher:ping"}`)
	p.want("pusher:pong")
	p.send(`{"event":"pusher:ping"}`)
	p.wantError(errRate)
}

func TestAPresenceChannelTellsWhoComesAndGoes(t *testing.T) {
	n := start(t, Options{})
	a, b, again := greeted(t, n), greeted(t, n), greeted(t, n)
	a.subscribe(n, "presence-room", `{"user_id":1,"user_info":{"name":"A"}}`)
	got := b.subscribe(n, "presence-room", `{"user_id":"2"}`)
	var text string
	var data struct{ Presence struct{ Count int } }
	if json.Unmarshal(got.Data, &text) != nil || json.Unmarshal([]byte(text), &data) != nil || data.Presence.Count != 2 {
		t.Errorf("got %s, want two members", got.Data)
	}
	var who member
	a.data("pusher_internal:member_added", &who)
	if string(who.ID) != `"2"` {
		t.Errorf("got %s, want \"2\"", who.ID)
	}
	again.subscribe(n, "presence-room", `{"user_id":"2"}`) // the same user: nobody is told
	b.ws.CloseNow()
	waitFor(t, n, func(s Stats) bool { return s.Connections == 2 })
	again.ws.CloseNow()
	a.data("pusher_internal:member_removed", &who)
	if string(who.ID) != `"2"` {
		t.Errorf("got %s, want \"2\"", who.ID)
	}
}

func TestTerminateEndsAUsersClientsWithABareFIN(t *testing.T) {
	n := start(t, Options{})
	a, b := greeted(t, n), greeted(t, n)
	a.subscribe(n, "presence-room", `{"user_id":"1"}`)
	b.subscribe(n, "presence-room", `{"user_id":"2"}`)
	a.want("pusher_internal:member_added")
	if got, answer := call(t, n, "POST", "/apps/"+DefaultAppID+"/users/2/terminate_connections", nil, ""); got != 200 {
		t.Fatalf("got %d %s", got, answer)
	}
	b.wantEnd(-1)
	a.want("pusher_internal:member_removed")
}

func TestTheAPICountsChannelsUsersAndSubscribedClients(t *testing.T) {
	n := start(t, Options{})
	a, b := greeted(t, n), greeted(t, n)
	greeted(t, n) // without a subscription: not counted
	a.subscribe(n, "news", "")
	b.subscribe(n, "presence-room", `{"user_id":"7"}`)
	f := func(path, query, want string) {
		t.Helper()
		values := map[string][]string{}
		if query != "" {
			name, value, _ := strings.Cut(query, "=")
			values[name] = []string{value}
		}
		if status, got := call(t, n, "GET", "/apps/"+DefaultAppID+path, values, ""); status != 200 || got != want {
			t.Errorf("%s: got %d %s, want %s", path, status, got, want)
		}
	}
	f("/connections", "", `{"connections":2}`)
	f("/channels", "", `{"channels":{"news":{},"presence-room":{}}}`)
	f("/channels", "filter_by_prefix=presence-", `{"channels":{"presence-room":{}}}`)
	f("/channels/news", "info=subscription_count", `{"occupied":true,"subscription_count":1}`)
	f("/channels/presence-room", "info=user_count", `{"occupied":true,"user_count":1}`)
	f("/channels/empty", "", `{"occupied":false}`)
	f("/channels/presence-room/users", "", `{"users":[{"id":"7"}]}`)
	if got, _ := call(t, n, "GET", "/apps/"+DefaultAppID+"/channels/news/users", nil, ""); got != 400 {
		t.Errorf("users of a public channel: got %d, want 400", got)
	}
	if got, _ := call(t, n, "GET", "/apps/"+DefaultAppID+"/channels/empty/users", nil, ""); got != 404 {
		t.Errorf("users of no channel: got %d, want 404", got)
	}
}

func TestAnIdleSubscriberIsPingedAndThenDropped(t *testing.T) {
	n := start(t, Options{PingInterval: 20 * time.Millisecond})
	quiet := greeted(t, n) // without a subscription: left alone
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	p.want("pusher:ping")
	p.wantError(errNotPonged)
	p.wantEnd(-1)
	quiet.send(`{"event":"pusher:ping"}`)
	quiet.want("pusher:pong")
}

func TestAClientThatAnswersThePingStays(t *testing.T) {
	t.Parallel()
	n := start(t, Options{PingInterval: time.Second})
	p := greeted(t, n)
	p.subscribe(n, "news", "")
	for range 2 {
		p.want("pusher:ping")
		p.send(`{"event":"pusher:pong"}`)
	}
}

func TestACloseFrameIsAnswered(t *testing.T) {
	n := start(t, Options{})
	p := greeted(t, n)
	if err := p.ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	waitFor(t, n, func(s Stats) bool { return s.Connections == 0 })
}

func TestWhatAClientDoesNotReadIsKept(t *testing.T) {
	n := start(t, Options{})
	slow := greeted(t, n)
	slow.subscribe(n, "news", "")
	fill := strings.Repeat("x", 9_000)
	const events = 3_000 // 27 MB: more than the kernel takes
	for range events {
		n.Publish("news", "said", fill)
	}
	for range events {
		slow.want("said")
	}
}
