package app_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
)

// held begins after the test.
var held = admin.DrainRequest{Grace: new(admin.Duration(time.Hour)), Deadline: new(admin.Duration(2 * time.Hour))}

func TestADrainLeavesAsManyNodesAsConfigured(t *testing.T) {
	s := apptest.New(t, 3, "drain: {min_usable: 2}\n")
	refused := func(node string, o admin.DrainRequest, want string) {
		t.Helper()
		var api *admin.APIError
		if _, err := s.API().Drain(t.Context(), node, o); !errors.As(err, &api) || api.Code != "refused" || !strings.Contains(api.Message, want) {
			t.Errorf("drain %s: got %v, want it refused: %s", node, err, want)
		}
	}
	s.Drain("reverb-1", admin.DrainRequest{})
	refused("reverb-2", admin.DrainRequest{DryRun: true}, "too few usable nodes would be left: 1, want at least 2")
	refused("reverb-2", admin.DrainRequest{}, "too few usable nodes would be left: 1, want at least 2")
	s.Drain("reverb-2", admin.DrainRequest{Force: true})
	refused("reverb-3", admin.DrainRequest{}, "it is the last usable node")
}

func TestAnotherDrainChangesOnlyWhatItGives(t *testing.T) {
	s := apptest.New(t, 2, "")
	p := s.Dial()
	s.Drain(p.Node, admin.DrainRequest{Grace: held.Grace, Deadline: held.Deadline, Rate: new(7), CloseCode: new(4201), Force: true, Close: new(true)})
	before := *s.NodesNow()[p.Node].Drain
	if !before.Force || !before.Close || before.Begin.Sub(before.Started) != time.Hour || before.Deadline.Sub(before.Started) != 2*time.Hour {
		t.Errorf("got %+v, want what was asked for", before)
	}
	s.Drain(p.Node, admin.DrainRequest{Rate: new(9)})
	want := before
	want.Rate = 9
	if got := *s.NodesNow()[p.Node].Drain; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if s.Drain(p.Node, admin.DrainRequest{Close: new(false)}); s.NodesNow()[p.Node].Drain.Close {
		t.Error("got a drain that closes sessions, want it to move those that are left")
	}
	p.Answers()
	s.Drain(p.Node, admin.DrainRequest{Grace: new(admin.Duration(0))})
	if code := p.Closed(); code != 4201 {
		t.Errorf("got the code %d, want 4201 as at first", code)
	}
	s.DrainWhole(p.Node, admin.DrainRequest{})
}

func TestAnUndrainLeavesWhoHasNotBeenMoved(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, apptest.Even)
	clients := s.Visit(20)
	s.Drain("reverb-1", admin.DrainRequest{Rate: new(2)})
	clients.Wait("a client that was moved", func(on map[string]int) bool { return on["reverb-2"] > 10 })
	s.Undrain("reverb-1")
	if got := s.NodesNow()["reverb-1"]; got.Connections == 0 || got.Drain != nil {
		t.Errorf("got %d clients, drain %v, want those that were not moved, and no drain", got.Connections, got.Drain)
	}
	s.DialOn("reverb-1").Answers()
	clients.WantMoves(apptest.AtMost(1), 4200)
}

func TestTwoNodesDrainAtOnce(t *testing.T) {
	s := apptest.New(t, 4, apptest.Even)
	clients := s.Visit(24)
	for _, node := range []string{"reverb-1", "reverb-2"} {
		s.Drain(node, held)
	}
	for _, node := range []string{"reverb-1", "reverb-2"} { // both take nobody now
		s.Drain(node, admin.DrainRequest{Grace: new(admin.Duration(0))})
	}
	for _, node := range []string{"reverb-1", "reverb-2"} {
		s.DrainWhole(node, admin.DrainRequest{})
	}
	all := clients.Wait("all clients on the two others", apptest.None("reverb-1", "reverb-2"))
	if on := apptest.PerNodeOf(all); on["reverb-3"] != 12 || on["reverb-4"] != 12 {
		t.Errorf("got %v, want 12 on each of the two others", on)
	}
	clients.WantMoves(apptest.AtMost(1), 4200)
}

func TestANodeThatDiesWhileItDrainsIsDrained(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, apptest.Even+"health: {interval: 100ms}\n")
	clients := s.Visit(10)
	s.Drain("reverb-1", admin.DrainRequest{Rate: new(1), Deadline: new(admin.Duration(time.Hour))})
	s.Node("reverb-1").Kill()
	s.DrainWhole("reverb-1", admin.DrainRequest{})
	clients.Wait("all clients on the other node", apptest.None("reverb-1"))
	for i, c := range clients.Now() {
		if c.Err != nil {
			t.Errorf("client %d: got %v, want it back", i, c.Err)
		}
	}
	if got := s.NodesNow()["reverb-1"]; got.State != admin.StateDrained || got.Drain.Rate != 1 {
		t.Errorf("got %+v, want it drained as it was asked to", got)
	}
}

func TestADrainGoesOnOverAReload(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even)
	clients := s.Visit(10)
	s.Drain("reverb-1", admin.DrainRequest{Rate: new(1), Deadline: new(admin.Duration(time.Hour))})
	before := *s.NodesNow()["reverb-1"].Drain
	s.Configure(apptest.Even + "drain: {rate: 1000, close_code: 4100, grace: 1m}\n")
	s.Reload()
	after := *s.NodesNow()["reverb-1"].Drain
	before.Remaining, after.Remaining = 0, 0
	before.Outcome, after.Outcome = admin.Outcome{}, admin.Outcome{}
	if !reflect.DeepEqual(after, before) {
		t.Errorf("after a reload: got %+v, want %+v", after, before)
	}
	s.DrainWhole("reverb-1", admin.DrainRequest{Rate: new(100)})
	clients.Wait("all clients on the other node", apptest.None("reverb-1"))
	clients.WantMoves(apptest.AtMost(1), 4200)
}

func TestADrainUnderWayGoesOnOverARestart(t *testing.T) {
	s := apptest.New(t, 2, apptest.Even+fmt.Sprintf("state_dir: %q\n", filepath.Join(t.TempDir(), "state")))
	p, q := s.Dial(), s.Dial()
	if p.Node == q.Node {
		t.Fatalf("got both clients on %s", p.Node)
	}
	s.Drain(p.Node, admin.DrainRequest{Grace: held.Grace, Deadline: held.Deadline, Rate: new(3), CloseCode: new(4201)})
	before := *s.NodesNow()[p.Node].Drain
	var answered sync.WaitGroup // the Close frames of the stop
	answered.Go(func() { p.Closed() })
	answered.Go(func() { q.Closed() })
	s.Restart()
	answered.Wait()
	after := *s.NodesNow()[p.Node].Drain
	if !after.Begin.Equal(before.Begin) || !after.Deadline.Equal(before.Deadline) || after.Rate != 3 || after.CloseCode != 4201 || after.Initial != 1 || after.Force {
		t.Errorf("after a restart: got %+v, want %+v", after, before)
	}
	again := s.Dial(p.Cookie)
	if again.Node != q.Node || again.Cookie == nil {
		t.Errorf("after a restart: got %s with %v, want %s and its cookie", again.Node, again.Cookie, q.Node)
	}
	s.Undrain(p.Node)
}
