package app_test

import (
	"testing"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// wantClosed looks at what has become of a node's clients, of which none had a
// session.
func wantClosed(t *testing.T, got admin.Outcome, count int) {
	t.Helper()
	if got.Moved != 0 || got.Closed != count || got.ClosedBecause["no_session"] != count {
		t.Errorf("got %+v, want %d closed, as they have no session", got, count)
	}
}

func TestADrainTellsHowManyWereMovedAndWhyTheOthersWereClosed(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even)
	clients := s.Visit(10)
	s.DrainWhole("reverb-1", admin.DrainRequest{})
	wantClosed(t, s.NodesNow()["reverb-1"].Outcome(), 5)
	line := s.Logs.Wait(t, "drained")
	if line["moved"] != 0.0 || line["closed"] != 5.0 || line["reason"] != "its last client has gone; 5 closed: without a session" {
		t.Errorf("got the log line %v, want it to tell", line)
	}
	wantClosed(t, s.Drain("reverb-1", admin.DrainRequest{Rate: new(1)}).Outcome(), 5) // changed, not begun anew
	s.Undrain("reverb-1")
	s.DrainWhole("reverb-2", admin.DrainRequest{})
	clients.Wait("all clients on the first node", apptest.None("reverb-2"))
	wantClosed(t, s.Drain("reverb-1", admin.DrainRequest{Force: true, Grace: held.Grace, Deadline: held.Deadline}).Outcome(), 0)
}

func TestANodeThatIsRemovedOrLostTellsWhatBecomesOfItsClients(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s := apptest.New(t, 3, patiently)
	clients := s.Visit(9)
	s.Nodes[2].Freeze()
	t.Cleanup(s.Nodes[2].Thaw)
	clients.Wait("nobody on the frozen node", apptest.None("reverb-3"))
	wantClosed(t, s.NodesNow()["reverb-3"].Outcome(), 3)
	before := s.NodesNow()
	s.URLs = s.URLs[:1]
	s.Configure(patiently)
	s.Reload()
	line := s.Logs.WaitFor(t, "drained of reverb-2", func(line map[string]any) bool { return line["msg"] == "drained" && line["node"] == "reverb-2" })
	if want := before["reverb-2"].Connections; line["closed"] != float64(want) {
		t.Errorf("got the log line %v, want %d closed", line, want)
	}
}
