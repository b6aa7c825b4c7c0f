package proxy

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/balancer"
	"fermata/proxy/relay"
)

func TestANodeThatEndsAtTheLimitOfReverbIsToldOfOnce(t *testing.T) {
	n := poolOf(1).Nodes()[0].Node
	start := time.Unix(1000, 0)
	// lose has so many of the node's clients end, this far apart, and says how
	// often that was told.
	lose := func(had, count int, apart time.Duration) (told, said int) {
		var l losses
		for i := range count {
			if got := l.add(n, start.Add(time.Duration(i)*apart), had); got > 0 {
				told, said = told+1, got
			}
		}
		return told, said
	}
	f := func(had, count int, apart time.Duration, want int) {
		t.Helper()
		told, said := lose(had, count, apart)
		if told != want || want > 0 && said != had {
			t.Errorf("%d of %d clients, one each %v: told %d times of %d, want %d times of %d", count, had, apart, told, said, want, had)
		}
	}
	f(1015, 1015, time.Millisecond, 1)
	f(900, 900, 0, 1)
	f(1015, 920, 0, 1)                     // the others left by themselves
	f(1015, 100, 0, 0)                     // some clients' connections broke
	f(1015, 1015, 100*time.Millisecond, 0) // one after the other
	f(899, 899, 0, 0)
	f(1024, 1024, 0, 1)
	f(1025, 1025, 0, 0)
	f(900, 810, 0, 1) // nearly all
	f(900, 809, 0, 0)
	f(5000, 5000, 0, 0) // without ext-uv it had never had so many
}

func TestClientsThatEndLaterAreNoPartOfALoss(t *testing.T) {
	n, start := poolOf(1).Nodes()[0].Node, time.Unix(1000, 0)
	f := func(last time.Duration, want int) {
		t.Helper()
		var l losses
		for range 899 {
			l.add(n, start, 1000)
		}
		if got := l.add(n, start.Add(last), 101); got != want {
			t.Errorf("the last one after %v: got told of %d, want %d", last, got, want)
		}
	}
	f(10*time.Second, 1000)
	f(10*time.Second+time.Nanosecond, 0)
}

func TestTheLogNamesTheCauseOfANodesEndOnceAndOnlyAtTheLimit(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	f := func(clients, want int) {
		t.Helper()
		h := New(Options{}, Deps{Pool: poolOf(1), Engine: relay.New(1), Log: zap.New(core)})
		for range clients {
			if _, err := h.pool.Acquire(balancer.Key{}); err != nil {
				t.Fatal(err)
			}
		}
		for range clients {
			h.noteLoss(h.pool.Nodes()[0].Node)
		}
		if got := len(logs.TakeAll()); got != want {
			t.Errorf("%d clients: got %d lines, want %d", clients, got, want)
		}
	}
	f(950, 1)
	f(50, 0)
}
