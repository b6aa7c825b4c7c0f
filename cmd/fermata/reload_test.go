package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/lab/devnode"
)

// nodesNow are the nodes as the API shows them.
func (s *stack) nodesNow() map[string]admin.Node {
	s.t.Helper()
	_, body := s.adminGet("/v1/nodes")
	var list struct{ Nodes []admin.Node }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	nodes := map[string]admin.Node{}
	for _, n := range list.Nodes {
		nodes[n.Name] = n
	}
	return nodes
}

// reload has the file read again, which must work.
func (s *stack) reload() {
	s.t.Helper()
	if code, out, errOut := s.cli("reload"); code != exitDone {
		s.t.Fatalf("reload: got exit %d, %s%s", code, out, errOut)
	}
}

func TestAWrongFileChangesNothingAndEveryMistakeIsNamed(t *testing.T) {
	s := newStack(t, 2, "")
	s.bystander()
	s.hasMetric("fermata_config_last_reload_successful 1")
	s.configure("drain: {rate: -1, close_code: 4001}\nnonsense: true\n")
	code, out, errOut := s.cli("reload")
	if code != exitUsage || out != "" {
		t.Errorf("got exit %d and %q, want 2 and nothing", code, out)
	}
	for _, want := range []string{
		"fermata: not reloaded, nothing has changed:\n", s.file + ":6: drain.rate: got -1", s.file + ":6: drain.close_code: got 4001", s.file + ":7: nonsense: ",
	} {
		if !strings.Contains(errOut, want) {
			t.Errorf("got\n%swant %s", errOut, want)
		}
	}
	s.hasMetric("fermata_config_last_reload_successful 0")
	if line := s.logs.wait(t, "configuration not taken over, the old one stays"); line["level"] != "error" {
		t.Errorf("log line: got the level %v, want error", line["level"])
	}
	s.dial().answers()

	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := s.cli("reload"); code != exitUsage || !strings.Contains(errOut, "no such file") {
		t.Errorf("without a file: got exit %d, %s, want 2 and no such file", code, errOut)
	}
	s.configure("")
	s.reload()
	s.hasMetric("fermata_config_last_reload_successful 1")
}

func TestAReloadAddsNodesAndDrainsThoseThatAreGone(t *testing.T) {
	s := newStack(t, 2, "")
	staying, going := s.dialOn("reverb-1"), s.dialOn("reverb-2")
	third := startNode(t, devnode.Options{Name: "reverb-3"})
	s.configure(fmt.Sprintf("nodes:\n  - {name: reverb-1, url: %q}\n  - {name: reverb-3, url: %q}\n", s.urls[0], third.URL()))
	s.reload()
	if code := going.closed(); code != 4200 {
		t.Errorf("client of the removed node: got %d, want 4200", code)
	}
	s.logs.wait(t, "drained")
	nodes := s.nodesNow()
	if _, there := nodes["reverb-2"]; there || len(nodes) != 2 || nodes["reverb-1"].Connections == 0 {
		t.Errorf("got %v, want reverb-1 with its client, and reverb-3", nodes)
	}
	if again := s.dial(going.cookie); again.node == "reverb-2" || again.cookie == nil {
		t.Errorf("got %s with %v, want another node and another cookie", again.node, again.cookie)
	}
	s.dialOn("reverb-3")
	staying.answers()
	if metrics := grep(s.metrics(), `node="reverb-2"`); metrics != "" {
		t.Errorf("metrics of the node that is gone: got\n%s", metrics)
	}
	if again := s.dial(staying.cookie); again.node != "reverb-1" || again.cookie != nil {
		t.Errorf("got %s with %v, want the cookie of the node that stayed to hold", again.node, again.cookie)
	}
}

// dialOn connects clients, which the bounded load spreads, until one is on
// this node.
func (s *stack) dialOn(node string) *peer {
	s.t.Helper()
	for range 200 {
		p := s.dial()
		if p.node == node {
			return p
		}
	}
	s.t.Fatalf("200 clients, and none on %s", node)
	return nil
}

func TestAReloadTakesOverWhatAClientMeetsNext(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	s.configure("limits: {max_body_bytes: 10}\nsticky: {by: ip}\nlog: {level: error}\n")
	s.reload()
	if r, _ := s.wire("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n").answer(); r.StatusCode != 413 {
		t.Errorf("a body above the new limit: got %d, want 413", r.StatusCode)
	}
	if p := s.dial(); p.cookie != nil {
		t.Errorf("by ip: got the cookie %v", p.cookie)
	}
}

func TestWhatCannotChangeLiveIsRefusedWithASentence(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	check := func(extra, want string) {
		t.Helper()
		s.configure(extra)
		code, _, errOut := s.cli("reload")
		if code != exitUsage || !strings.Contains(errOut, want) || !strings.Contains(errOut, "cannot change without a restart") {
			t.Errorf("%s: got exit %d, %s, want 2 and %s", extra, code, errOut, want)
		}
		s.hasMetric("fermata_config_last_reload_successful 0")
	}
	check("listen: [{address: \"127.0.0.1:1\"}]\n", "listen: got [127.0.0.1:1], want [127.0.0.1:0] as it is running")
	check("listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}]\n", "listen: ")
	check(tlsListener("1.2", pair(t, time.Now(), "a.example")), "listen: ")
	check("state_dir: elsewhere\n", "state_dir: ")
	check("timeouts: {header: 1s}\n", "timeouts.header: ")
	admin := s.admin
	s.admin += "2"
	s.configure("")
	s.admin = admin
	if code, _, errOut := s.cli("reload"); code != exitUsage || !strings.Contains(errOut, "admin.address: got unix:") {
		t.Errorf("another admin.address: got exit %d, %s", code, errOut)
	}
	s.configure("")
	s.reload()
}

func TestAHangupReloads(t *testing.T) {
	s := newStack(t, 1, "")
	s.bystander()
	s.configure("drain: {rate: -1}\n")
	hangup(t)
	s.logs.wait(t, "configuration not taken over, the old one stays")
	s.hasMetric("fermata_config_last_reload_successful 0")
	s.configure("")
	hangup(t)
	s.logs.wait(t, "reload")
	s.hasMetric("fermata_config_last_reload_successful 1")
}

func hangup(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// Opening a pipe waits for somebody to write into it, and nobody does.
func TestAPipeInPlaceOfTheConfigurationHoldsUpNothing(t *testing.T) {
	s := newStack(t, 2, "")
	s.bystander()
	if err := errors.Join(os.Remove(s.file), syscall.Mkfifo(s.file, 0o600)); err != nil {
		t.Fatal(err)
	}
	hangup(t)
	line := s.logs.wait(t, "configuration not taken over, the old one stays")
	if err, _ := line["err"].(string); !strings.Contains(err, "got a named pipe, want a regular file") {
		t.Errorf("got %v, want that it is a pipe", line)
	}
	for _, command := range []string{"drain", "undrain"} {
		if code, _, errOut := s.cli(command, "reverb-1"); code != exitDone {
			t.Errorf("%s: got exit %d, %s", command, code, errOut)
		}
	}
	fermata(t.Context(), "check", "-c", s.file).has(t, exitUsage, "", "got a named pipe, want a regular file")
}

func TestAStateDirectoryThatCannotBeUsedStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/self/fdinfo"} {
		got := serveAlone(t, fmt.Sprintf("listen: [{address: \"127.0.0.1:0\"}]\nstate_dir: %q\n", dir))
		got.has(t, exitFailed, "", "fermata: state_dir: got "+dir+", which cannot be used, want another: ")
	}
}

func TestADrainSurvivesARestart(t *testing.T) {
	state := fmt.Sprintf("timeouts: {close: 200ms}\nstate_dir: %q\n", filepath.Join(t.TempDir(), "state"))
	s := newStack(t, 2, state)
	p := s.dial()
	if code, _, errOut := s.cli("drain", p.node, "--wait"); code != exitDone {
		t.Fatal(errOut)
	}
	p.CloseNow()
	s.restart()
	if got := s.nodesNow()[p.node]; got.State != admin.StateDrained {
		t.Errorf("after a restart: got %s, want drained", got.State)
	}
	again := s.dial(p.cookie)
	if again.node == p.node {
		t.Errorf("after a restart: got the draining node %s", p.node)
	}
	again.CloseNow()
	if code, _, errOut := s.cli("undrain", p.node); code != exitDone {
		t.Fatal(errOut)
	}
	s.restart()
	if got := s.nodesNow()[p.node]; got.State != admin.StateReady {
		t.Errorf("after an undrain and a restart: got %s, want ready", got.State)
	}
}

// restart stops Fermata and starts it again.
func (s *stack) restart() {
	s.t.Helper()
	if code := s.stop(); code != exitDone {
		s.t.Fatalf("stop: got exit %d", code)
	}
	s.logs = newLogs()
	s.serve()
}

func TestRememberedDrainsThatCannotBeReadDoNotKeepItFromServing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "drains.json"), []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStack(t, 1, fmt.Sprintf("state_dir: %q\n", dir))
	s.logs.wait(t, "drains not restored")
	s.dial().answers()
}

func TestARemovedNodeThatComesBackKeepsItsClients(t *testing.T) {
	s := newStack(t, 2, "drain: {grace: 1h, deadline: 2h}\n")
	p := s.dialOn("reverb-2")
	urls := s.urls
	s.urls = urls[:1]
	s.configure("drain: {grace: 1h, deadline: 2h}\n")
	s.reload()
	if got := s.nodesNow()["reverb-2"]; got.State != admin.StateDraining || got.Connections == 0 {
		t.Errorf("removed: got %s with %d clients, want draining with some", got.State, got.Connections)
	}
	p.answers()
	s.urls = urls
	s.configure("drain: {grace: 1h, deadline: 2h}\n")
	s.reload()
	if got := s.nodesNow()["reverb-2"]; got.State != admin.StateReady || got.Connections == 0 {
		t.Errorf("back: got %s with %d clients, want ready with some", got.State, got.Connections)
	}
	p.answers()
	if again := s.dial(p.cookie); again.node != "reverb-2" || again.cookie != nil {
		t.Errorf("got %s with %v, want the cookie to hold again", again.node, again.cookie)
	}
}
