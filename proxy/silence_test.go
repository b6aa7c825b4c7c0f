package proxy

import (
	"testing"

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
