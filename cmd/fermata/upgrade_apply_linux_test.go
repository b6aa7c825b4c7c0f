package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fermata/internal/admin"
	"fermata/internal/app/apptest"
	"fermata/internal/lab/port"
)

// configure writes a configuration with another admin endpoint, and has the stack use
// the one of before until the function is called.
func configure(s *apptest.Stack, admin, extra string) (swap func()) {
	s.T.Helper()
	before := s.Admin
	s.Admin = admin
	s.Configure(extra)
	s.Admin = before
	return func() { s.Admin = admin }
}

func refused(t *testing.T, network, address string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err == nil {
		conn.Close()
		t.Errorf("%s: got a connection, want nobody to listen there", address)
	}
}

func TestAnUpgradeTakesOverOtherListenersAndAnotherAdminEndpoint(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	stays := strings.Replace(secureAndPlain(t, ""), "localhost:0", port.Reserve(t), 1)
	const rest = "upgrade: {spread: 0s}\ntimeouts: {close: 1s}\n"
	removed, added := port.Reserve(t), port.Reserve(t)
	s, p := serveApart(t, stays+"  - address: "+removed+"\n"+rest)
	dir := filepath.Dir(s.File)
	client := secured(s) // has the old process stay
	first := strings.TrimPrefix(s.Admin, "unix:")

	swap := configure(s, "unix:"+filepath.Join(dir, "other.sock"), stays+"  - address: "+added+"\n"+rest)
	upgrade(t, s)
	swap()
	refused(t, "tcp", removed)
	refused(t, "unix", first)
	s.Address = added
	s.Dial().Answers()
	answers(t, client)

	swap = configure(s, port.Reserve(t), stays+"  - address: "+removed+"\n"+rest)
	upgrade(t, s)
	swap()
	refused(t, "tcp", added)
	s.Address = removed
	s.Dial().Answers()

	swap = configure(s, "unix:"+filepath.Join(dir, "third.sock"), stays+"log: {format: console}\n"+rest)
	u := upgrade(t, s)
	swap()
	follow(s, 1)
	answers(t, client)
	p.until("INFO +serving")
	_ = syscall.Kill(u.PID, syscall.SIGTERM)
	if err := p.exited(); err != nil {
		t.Errorf("got %v, want exit 0", err)
	}
	s.Eventually("the last process is gone", func() bool { return isGone(u.PID) })
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range left {
		if info, err := os.Lstat(file); err != nil || info.Mode().Type() == os.ModeSocket {
			t.Errorf("got %s, want no socket to be left", file)
		}
	}
}

func TestAnUpgradeGivesBothProcessesTheVariablesOfAFile(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	listeners := secureAndPlain(t, "")
	s, p := serveApart(t, listeners+"upgrade: {spread: 0s}\ntimeouts: {close: 1s}\n")
	client := secured(s)
	s.Configure(listeners + "upgrade: {spread: \"${FERMATA_TEST_SPREAD}\"}\ntimeouts: {close: 1s}\n")
	file := filepath.Join(t.TempDir(), "variables")
	if code, _, errOut := cli(s, "upgrade", "--env-file", file); code != exitUsage {
		t.Errorf("without the file: got exit %d, %s, want %d", code, errOut, exitUsage)
	}
	if code, _, errOut := cli(s, "upgrade"); code != exitFailed || !strings.Contains(errOut, "FERMATA_TEST_SPREAD") {
		t.Errorf("without the variable: got exit %d, %s, want %d and its name", code, errOut, exitFailed)
	}
	answers(t, client)
	if err := os.WriteFile(file, []byte("FERMATA_TEST_SPREAD=500ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	upgrade(t, s, "--env-file", file)
	if code := closeCode(client); code != 4200 {
		t.Errorf("got %d, want 4200 by the spread of the new configuration", code)
	}
	client.Close()
	if err := p.exited(); err != nil {
		t.Errorf("got %v, want exit 0", err)
	}
	upgrade(t, s)
}

func TestDrainsOutliveUpgradesAndTheRestartAfterThem(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	state := fmt.Sprintf("state_dir: %q\nupgrade: {spread: 0s}\ntimeouts: {close: 1s}\n", filepath.Join(t.TempDir(), "state"))
	listeners := secureAndPlain(t, "")
	_, urls := apptest.StartNodes(t, 4)
	s := apptest.Configured(t, urls, listeners+state)
	p := startApart(t, "serve", "-c", s.File)
	s.Address = p.until(`"listening","address":"([^"]+)"`)[1]
	p.until(`"serving"`)
	drain := func(node string) {
		t.Helper()
		wantCLI(s, exitDone, "", "", "drain", node, "--rate", "0")
	}
	secured(s)
	drain("reverb-1")
	upgrade(t, s)
	drain("reverb-2")
	u := upgrade(t, s)
	drain("reverb-3")
	wantCLI(s, exitDone, "", "", "undrain", "reverb-1")
	got := serveAlone(t, "listen: [{address: \"127.0.0.1:0\"}]\n"+strings.SplitAfter(state, "\n")[0])
	got.has(t, exitFailed, "", "another Fermata uses it: ")
	_ = syscall.Kill(u.PID, syscall.SIGTERM)
	p.exited()
	s.Eventually("the last process is gone", func() bool { return isGone(u.PID) })

	again := startApart(t, "serve", "-c", s.File)
	again.until(`"serving"`)
	want := map[string]bool{"reverb-1": false, "reverb-2": true, "reverb-3": true, "reverb-4": false}
	for name, n := range s.NodesNow() {
		if drains := n.State != admin.StateReady; drains != want[name] {
			t.Errorf("%s: got %s, want it to drain: %v", name, n.State, want[name])
		}
	}
	again.stop()
}

func TestAGoodUpgradeAlarmsNobodyWhoReadsTheLog(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, secureAndPlain(t, "upgrade: {spread: 0s}\ntimeouts: {close: 1s}\n"))
	s.Address = p.listening[0]
	secured(s)
	secure := secured(s)
	s.Address = p.listening[1]
	plain := s.Dial()
	u := upgrade(t, s)
	for range 2 {
		u = upgrade(t, s)
		follow(s, 1)
	}
	plain.Answers()
	secure.Close()
	_ = plain.CloseNow()
	all := make(chan string)
	go func() {
		text, _ := io.ReadAll(p.from)
		all <- string(text)
	}()
	p.signal(syscall.SIGTERM)
	p.exited()
	s.Eventually("no process is left but the last", func() bool { return len(nodesNow(s).Predecessors) == 0 })
	_ = syscall.Kill(u.PID, syscall.SIGTERM)
	text := <-all
	for line := range strings.Lines(text) {
		if !strings.Contains(line, `"level":"info"`) {
			t.Errorf("got the line %s", line)
		}
	}
	t.Log(text)
}

func TestAServiceManagerFollowsAnUpgrade(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	_, urls := apptest.StartNodes(t, 2)
	s := apptest.Configured(t, urls, secureAndPlain(t, "timeouts: {close: 1s}\nupgrade: {spread: 0s}\n"))
	manager := newSupervisor(t)
	manager.watchdog = apptest.Timeout
	p := manager.start(s)
	manager.hears("READY=1\n")
	s.Address = p.until(`"listening","address":"([^"]+)"`)[1]
	client := secured(s)
	good, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	s.Configure("nonsense: true\n")
	if code, _, _ := cli(s, "upgrade"); code != exitFailed {
		t.Errorf("got exit %d, want %d", code, exitFailed)
	}
	if err := os.WriteFile(s.File, good, 0o600); err != nil {
		t.Fatal(err)
	}
	u := upgrade(t, s)
	next := func(want string) {
		t.Helper()
		for {
			message, err := manager.next(time.Now().Add(apptest.Timeout))
			switch {
			case err != nil:
				t.Fatalf("got %v, want %s", err, want)
			case strings.HasPrefix(message, want):
				return
			case strings.HasPrefix(message, "WATCHDOG=1"), strings.HasPrefix(message, "STATUS="): // of what was before
			default:
				t.Errorf("got %q, want %s", message, want)
			}
		}
	}
	next(fmt.Sprintf("MAINPID=%d", u.PID))
	next("READY=1\n")
	endProcess(s, u.PID)
	next(fmt.Sprintf("MAINPID=%d", p.pid))
	next("READY=1\n")
	answers(t, client)
	p.stop()
}
