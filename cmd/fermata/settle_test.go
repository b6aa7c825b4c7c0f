package main

import (
	"strings"
	"testing"
	"time"
)

func TestAnUndrainDoesNotKeepAStopFromEnding(t *testing.T) {
	s := newStack(t, 2, "stop_timeout: 2s\ntimeouts: {close: 1s}\n")
	p := s.dialOn("reverb-1")
	go p.closed()
	if code, _, errOut := s.cli("drain", "reverb-1", "--grace", "1h", "--deadline", "2h"); code != exitDone {
		t.Fatal(errOut)
	}
	s.wire(wireUpgrade + "\r\n").answer() // never answers a Close frame, so that the stop lasts
	exit := make(chan int, 1)
	go func() { exit <- s.stop() }()
	s.logs.wait(t, "stopping")
	s.cli("undrain", "reverb-1") // whether it is answered in time does not matter
	if code := <-exit; code != exitDone {
		t.Errorf("got exit %d, want 0", code)
	}
}

func TestARemovedNodeThatWasDrainingLeavesNoMetrics(t *testing.T) {
	s := newStack(t, 2, "")
	p := s.dialOn("reverb-2")
	if code, _, errOut := s.cli("drain", "reverb-2", "--grace", "1h", "--deadline", "2h"); code != exitDone {
		t.Fatal(errOut)
	}
	s.urls = s.urls[:1]
	s.configure("")
	s.reload()
	p.CloseNow()
	for deadline := time.Now().Add(testTimeout); strings.Contains(s.metrics(), `node="reverb-2"`); {
		if time.Now().After(deadline) {
			t.Fatalf("metrics of the node that is gone: got\n%s", grep(s.metrics(), `node="reverb-2"`))
		}
	}
}

func TestAReloadThatEndsAPanicMovesTheClientsOfLostNodes(t *testing.T) {
	checks := "health: {type: http, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}\n"
	s := newStack(t, 3, checks)
	p := s.dialOn("reverb-2")
	for _, n := range s.nodes[1:] {
		n.Freeze()
		t.Cleanup(n.Thaw)
	}
	s.logs.wait(t, "panic")
	s.urls = s.urls[:2]
	s.configure(checks)
	s.reload()
	if code := p.closed(); code != 4200 {
		t.Errorf("client of the lost node: got %d, want 4200", code)
	}
}
