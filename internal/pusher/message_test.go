package pusher

import (
	"strings"
	"testing"
)

func TestDataIsReadWhetherItIsQuotedOrNot(t *testing.T) {
	for _, text := range []string{
		`{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\"}"}`,
		`{"event":"pusher:connection_established","data":{"socket_id":"1.2"}}`,
	} {
		m, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var data struct {
			SocketID string `json:"socket_id"`
		}
		if err := m.Into(&data); err != nil || data.SocketID != "1.2" || m.Event != EventEstablished {
			t.Errorf("%s: got %q %q, %v", text, m.Event, data.SocketID, err)
		}
	}
}

func TestAMessageThatIsNoneIsAnErrorWhichShowsItsBeginning(t *testing.T) {
	long := "hello" + strings.Repeat("x", 10_000)
	_, err := Parse([]byte(long))
	if err == nil || !strings.Contains(err.Error(), "hello") || len(err.Error()) > 300 {
		t.Errorf("got %v", err)
	}
	for _, data := range []string{"", `,"data":""`, `,"data":"no JSON"`, `,"data":7`} {
		m, err := Parse([]byte(`{"event":"x"` + data + `}`))
		if err != nil {
			t.Fatal(err)
		}
		var into struct{ A int }
		if err := m.Into(&into); err == nil {
			t.Errorf("data %q: got no error", data)
		}
	}
}

func TestWhatANodeComplainsOf(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		m, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if e := m.Error(); e != nil {
			got = e.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	f(`{"event":"pusher:error","data":"{\"code\":4001,\"message\":\"Application does not exist\"}"}`, "pusher:error 4001: Application does not exist")
	f(`{"event":"pusher:error","data":{"code":4004,"message":"Over quota"}}`, "pusher:error 4004: Over quota")
	f(`{"event":"pusher:error"}`, "pusher:error 0: ")
	f(`{"event":"pusher:pong","data":"{\"code\":4001}"}`, "")
}
