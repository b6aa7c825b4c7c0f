package session

import (
	"fmt"
	"runtime"
	"testing"
)

// typical is a session as Laravel's clients have: a public channel and a presence
// channel that they share, and a private one that is the user's own.
func typical(user int) *Session {
	id := fmt.Sprintf("%d.%d", 100_000_000+user, 900_000_000-user)
	s := New(testApp, id, Options{})
	s.FromClient(subscribeAs(id, "news", ""))
	s.FromClient(subscribeAs(id, fmt.Sprintf("private-App.Models.User.%d", user), ""))
	s.FromClient(subscribeAs(id, "presence-chat", fmt.Sprintf(`{"user_id":"%d","user_info":{"id":%d,"name":"Somebody"}}`, user, user)))
	return s
}

// live is how many bytes are in use.
func live() uint64 {
	for range 3 {
		runtime.GC() // package unique takes more than one
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestWhatASessionCosts(t *testing.T) {
	const sessions = 2_000
	all := make([]*Session, sessions)
	before := live()
	for i := range all {
		all[i] = typical(i)
	}
	bytes := (live() - before) / sessions
	t.Logf("a session with three subscriptions: %d bytes", bytes)
	if bytes > 256 {
		t.Errorf("got %d bytes, want 256 at the most", bytes)
	}
	runtime.KeepAlive(all)
}

func TestOtherMessagesCostNothing(t *testing.T) {
	s := typical(1)
	for _, text := range []string{
		`{"event":"pusher:ping","data":{}}`,
		`{"event":"client-typing","channel":"private-chat.7","data":{"name":"Ren\"é","text":"a \\ b"}}`,
		"no JSON",
		"",
	} {
		message := []byte(text)
		if n := testing.AllocsPerRun(100, func() { s.FromClient(message) }); n != 0 {
			t.Errorf("%s: got %v allocations, want none", text, n)
		}
	}
	if err := s.Movable(); err != nil {
		t.Error(err)
	}
}

func BenchmarkFromClient(b *testing.B) {
	s := typical(1)
	whisper := fmt.Appendf(nil, `{"event":"client-typing","channel":"private-chat.7","data":{"text":"%0500d"}}`, 1)
	subscribe := subscribeAs(s.Told(), "presence-chat", `{"user_id":"1","user_info":{"name":"Somebody"}}`)
	for name, text := range map[string][]byte{"whisper": whisper, "subscribe": subscribe} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.FromClient(text)
			}
		})
	}
}
