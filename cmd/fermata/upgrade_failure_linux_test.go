package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/handover"
)

func TestAnUpgradeThatCannotServeChangesNothing(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, p := serveApart(t, "")
	live := s.Dial()
	good, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(configuration, want string, args ...string) {
		t.Helper()
		if err := os.WriteFile(s.File, []byte(configuration), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errOut := cli(s, append([]string{"upgrade"}, args...)...)
		if code != exitFailed || !strings.Contains(errOut, "not upgraded, nothing has changed") || !strings.Contains(errOut, want) {
			t.Errorf("upgrade: got exit %d and %q, want 1 and %q", code, errOut, want)
		}
		if list, err := s.API().Nodes(t.Context(), false); err != nil || len(list.Predecessors) > 0 {
			t.Errorf("got %+v, %v, want the process of before", list.Predecessors, err)
		}
		s.Dial().Answers()
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	fails(string(good)+"drian: {}\n", "drian")
	fails(strings.Replace(string(good), "127.0.0.1:0", taken.Addr().String(), 1), "address already in use")
	crash := filepath.Join(t.TempDir(), "environment")
	if err := os.WriteFile(crash, []byte(files+"=4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(string(good), "too many open files", "--env-file", crash)
	live.Answers()
	p.stop()
}

func TestAProcessThatSpeaksAnotherProtocolIsRefused(t *testing.T) {
	t.Parallel()
	s, p := serveApart(t, "")
	live := s.Dial()
	socket := strings.TrimSuffix(strings.TrimPrefix(s.Admin, "unix:"), ".sock") + ".upgrade"
	conn, err := handover.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Send(handover.KindTakeOver, handover.Hello{Protocol: handover.Version + 1, Fermata: "of the future"}); err != nil {
		t.Fatal(err)
	}
	m, err := conn.Receive(time.Now().Add(apptest.Timeout))
	if err != nil || m.Kind != handover.KindRefused || !strings.Contains(string(m.Body), "got version 2 of the protocol") {
		t.Errorf("got %s %s, %v, want to be refused", m.Kind, m.Body, err)
	}
	p.until(`"upgrade refused"`)
	live.Answers()
	p.stop()
}

func TestTheUpgradeSocketIsForOneProcess(t *testing.T) {
	t.Parallel()
	s, p := serveApart(t, "")
	got := serveAlone(t, "upgrade: {socket: "+strings.TrimSuffix(strings.TrimPrefix(s.Admin, "unix:"), ".sock")+".upgrade}\nlisten: [{address: \"127.0.0.1:0\"}]\n")
	got.has(t, exitFailed, "", "another Fermata serves: fermata serve --take-over takes its place")
	p.stop()
}

func TestWhoHasNobodyToTakeOverFromStartsAsUsual(t *testing.T) {
	t.Parallel()
	_, urls := apptest.StartNodes(t, 1)
	s := apptest.Configured(t, urls, "timeouts: {close: 1s}\n")
	p := startApart(t, "serve", "-c", s.File, "--take-over")
	p.until("nobody serves whose place could be taken")
	p.until(`"serving"`)
	p.stop()
}
