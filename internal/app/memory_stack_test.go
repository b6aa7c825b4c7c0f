package app_test

import (
	"runtime"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

// It runs alone, as collections are counted that any Fermata of the process asks for.
func TestMemoryComesBackWhenManyHaveGoneAndOthersTalk(t *testing.T) {
	apptest.TakesSeconds(t)
	s := apptest.New(t, 1, "")
	talker := s.Dial()
	var clients []*apptest.Peer
	awaitTidied(t, talker, "many have come", func() {
		for range 220 {
			clients = append(clients, s.Dial())
		}
	})
	awaitTidied(t, talker, "they have gone", func() {
		for _, c := range clients {
			c.CloseNow()
		}
	})
}

// awaitTidied wants memory to be given back after work, while a client talks.
func awaitTidied(t *testing.T, talker *apptest.Peer, when string, work func()) {
	t.Helper()
	before := collections()
	work()
	tick, timeout := time.NewTicker(20*time.Millisecond), time.After(apptest.Timeout)
	defer tick.Stop()
	for collections() < before+2 { // one for what pools keep, and one that gives it back
		talker.Answers()
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s: no memory was given back in %s", when, apptest.Timeout)
		}
	}
}

// collections is how many have been asked for: not those that come by themselves.
func collections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumForcedGC
}
