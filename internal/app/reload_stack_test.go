package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
)

func TestAReloadAddsNodesAndDrainsThoseThatAreGone(t *testing.T) {
	s := apptest.New(t, 2, "")
	staying, going := s.DialOn("reverb-1"), s.DialOn("reverb-2")
	third := apptest.StartNode(t, devnode.Options{Name: "reverb-3"})
	s.Configure(fmt.Sprintf("nodes:\n  - {name: reverb-1, url: %q}\n  - {name: reverb-3, url: %q}\n", s.URLs[0], third.URL()))
	s.Reload()
	if code := going.Closed(); code != 4200 {
		t.Errorf("client of the removed node: got %d, want 4200", code)
	}
	s.Logs.Wait(t, "drained")
	nodes := s.NodesNow()
	if _, there := nodes["reverb-2"]; there || len(nodes) != 2 || nodes["reverb-1"].Connections == 0 {
		t.Errorf("got %v, want reverb-1 with its client, and reverb-3", nodes)
	}
	if again := s.Dial(going.Cookie); again.Node == "reverb-2" || again.Cookie == nil {
		t.Errorf("got %s with %v, want another node and another cookie", again.Node, again.Cookie)
	}
	s.DialOn("reverb-3")
	staying.Answers()
	if metrics := apptest.Grep(s.Metrics(), `node="reverb-2"`); metrics != "" {
		t.Errorf("metrics of the node that is gone: got\n%s", metrics)
	}
	if again := s.Dial(staying.Cookie); again.Node != "reverb-1" || again.Cookie != nil {
		t.Errorf("got %s with %v, want the cookie of the node that stayed to hold", again.Node, again.Cookie)
	}
}

func TestAReloadTakesOverWhatAClientMeetsNext(t *testing.T) {
	s := apptest.New(t, 1, "")
	s.Bystander()
	s.Configure("limits: {max_body_bytes: 10}\nsticky: {by: ip}\nlog: {level: error}\n")
	s.Reload()
	if r, _ := s.Wire("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n").Answer(); r.StatusCode != 413 {
		t.Errorf("a body above the new limit: got %d, want 413", r.StatusCode)
	}
	if p := s.Dial(); p.Cookie != nil {
		t.Errorf("by ip: got the cookie %v", p.Cookie)
	}
}

func TestWhatCannotChangeLiveIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 1, "")
	s.Bystander()
	check := func(extra, want string) {
		t.Helper()
		s.Configure(extra)
		_, err := s.API().Reload(t.Context())
		if got := fmt.Sprint(err); !strings.Contains(got, want) || !strings.Contains(got, "cannot change without a restart") {
			t.Errorf("%s: got %s, want %s", extra, got, want)
		}
		s.HasMetric("fermata_config_last_reload_successful 0")
	}
	check("listen: [{address: \"127.0.0.1:1\"}]\n", "listen: got [127.0.0.1:1], want [127.0.0.1:0] as it is running")
	check("listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}]\n", "listen: ")
	check(apptest.TLSListener("1.2", apptest.Pair(t, time.Now(), "a.example")), "listen: ")
	check("state_dir: elsewhere\n", "state_dir: ")
	check("timeouts: {header: 1s}\n", "timeouts.header: ")
	admin := s.Admin
	s.Admin += "2"
	s.Configure("")
	s.Admin = admin
	if _, err := s.API().Reload(t.Context()); !strings.Contains(fmt.Sprint(err), "admin.address: got unix:") {
		t.Errorf("another admin.address: got %v, want it refused", err)
	}
	s.Configure("")
	s.Reload()
}

func TestADrainSurvivesARestart(t *testing.T) {
	t.Parallel()
	state := fmt.Sprintf("timeouts: {close: 200ms}\nstate_dir: %q\n", filepath.Join(t.TempDir(), "state"))
	s := apptest.New(t, 2, state)
	p := s.Dial()
	s.DrainWhole(p.Node, admin.DrainRequest{})
	p.CloseNow()
	s.Restart()
	if got := s.NodesNow()[p.Node]; got.State != admin.StateDrained {
		t.Errorf("after a restart: got %s, want drained", got.State)
	}
	again := s.Dial(p.Cookie)
	if again.Node == p.Node {
		t.Errorf("after a restart: got the draining node %s", p.Node)
	}
	again.CloseNow()
	s.Undrain(p.Node)
	s.Restart()
	if got := s.NodesNow()[p.Node]; got.State != admin.StateReady {
		t.Errorf("after an undrain and a restart: got %s, want ready", got.State)
	}
}

func TestRememberedDrainsThatCannotBeReadDoNotKeepItFromServing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "drains.json"), []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := apptest.New(t, 1, fmt.Sprintf("state_dir: %q\n", dir))
	s.Logs.Wait(t, "drains not restored")
	s.Dial().Answers()
}

func TestARemovedNodeThatComesBackKeepsItsClients(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, 2, "drain: {grace: 1h, deadline: 2h}\n")
	p := s.DialOn("reverb-2")
	urls := s.URLs
	s.URLs = urls[:1]
	s.Configure("drain: {grace: 1h, deadline: 2h}\n")
	s.Reload()
	if got := s.NodesNow()["reverb-2"]; got.State != admin.StateDraining || got.Connections == 0 {
		t.Errorf("removed: got %s with %d clients, want draining with some", got.State, got.Connections)
	}
	p.Answers()
	s.URLs = urls
	s.Configure("drain: {grace: 1h, deadline: 2h}\n")
	s.Reload()
	if got := s.NodesNow()["reverb-2"]; got.State != admin.StateReady || got.Connections == 0 {
		t.Errorf("back: got %s with %d clients, want ready with some", got.State, got.Connections)
	}
	p.Answers()
	if again := s.Dial(p.Cookie); again.Node != "reverb-2" || again.Cookie != nil {
		t.Errorf("got %s with %v, want the cookie to hold again", again.Node, again.Cookie)
	}
}
