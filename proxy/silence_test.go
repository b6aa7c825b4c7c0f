package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"fermata/proxy/session"
)

func TestAClientThatGoesAsItsMoveBeginsIsNotRemembered(t *testing.T) {
	h := &Handler{}
	s := &sessionClient{session: *session.New(&knownApp, "1.1", session.Options{})}
	s.handler = h
	s.session.Arrived("2.2") // by a move before
	s.ended.Store(true)
	s.silence().end()
	if !h.aliases.none() {
		t.Error("got an alias, want none")
	}
}

// Whether requests that other members have sent to nodes are answered, nobody says.
func TestAMoveWaitsForTheOtherMembersAndNotForLong(t *testing.T) {
	const never = time.Hour
	f := func(what string, known, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			heard, earlier := make(chan struct{}), make(chan struct{})
			close(earlier)
			q := &silence{earlier: earlier, heard: heard}
			if known == 0 {
				q.heard = nil
			}
			if known != never {
				time.AfterFunc(known, func() { close(heard) })
			}
			began := time.Now()
			if err := q.wait(t.Context(), 5*time.Second, nil); err != nil || time.Since(began) != want {
				t.Errorf("%s: got %v, %v, want to wait %v", what, time.Since(began), err, want)
			}
		})
	}
	f("there are none", 0, 0)
	f("they know soon", time.Millisecond, time.Millisecond+5*time.Second/shareForOthers)
	f("they never know", never, 5*time.Second/shareOfSilence)
}
