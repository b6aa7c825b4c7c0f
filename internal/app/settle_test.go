package app_test

import (
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

func TestAnUndrainDoesNotKeepAStopFromEnding(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, "stop_timeout: 2s\ntimeouts: {close: 1s}\n")
	p := s.DialOn("reverb-1")
	go p.Closed()
	s.Drain("reverb-1", held)
	s.Wire(apptest.WireUpgrade + "\r\n").Answer() // never answers a Close frame, so that the stop lasts
	stopped := s.Stopped()
	s.Logs.Wait(t, "stopping")
	s.API().Undrain(t.Context(), "reverb-1", admin.UndrainRequest{}) // whether it is answered in time does not matter
	<-stopped
}

func TestARemovedNodeThatWasDrainingLeavesNoMetrics(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.DialOn("reverb-2")
	s.Drain("reverb-2", held)
	s.URLs = s.URLs[:1]
	s.Configure("")
	s.Reload()
	p.CloseNow()
	s.Eventually("no metric of the node that is gone", func() bool { return !strings.Contains(s.Metrics(), `node="reverb-2"`) })
}

func TestAReloadThatEndsAPanicMovesTheClientsOfLostNodes(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 3, patiently)
	p := s.DialOn("reverb-2")
	for _, n := range s.Nodes[1:] {
		n.Freeze()
		t.Cleanup(n.Thaw)
	}
	s.Logs.Wait(t, "panic")
	s.URLs = s.URLs[:2]
	s.Configure(patiently)
	s.Reload()
	if code := p.Closed(); code != 4200 && code != 4100 {
		t.Errorf("client of the lost node: got %d, want 4200, or 4100 if it is younger than two seconds", code)
	}
}
