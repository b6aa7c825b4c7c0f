package main

import (
	"testing"

	"fermata/internal/app/apptest"
)

// withOldClients is a Fermata that was upgraded, and these clients with TLS, at both
// nodes, that the old process has still.
func withOldClients(t *testing.T, count int, extra string) (s *apptest.Stack, listeners string, old []*apptest.Wire) {
	t.Helper()
	listeners = secureAndPlain(t, apptest.Even+"upgrade: {spread: 0s}\n"+extra)
	s, p := serveApart(t, listeners)
	for range count {
		old = append(old, secured(s))
	}
	s.Address = p.listening[1]
	upgrade(t, s)
	return s, listeners, old
}

func TestAReloadReachesTheOldProcessToo(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, listeners, old := withOldClients(t, 4, "drain: {rate: 0}\n")
	s.URLs = s.URLs[:1]
	s.Configure(listeners)
	wantCLI(s, exitDone, "reloaded", "", "reload")
	s.Eventually("the old process has two clients left", func() bool {
		list := nodesNow(s).Predecessors
		return len(list) == 1 && list[0].Clients == 2
	})
	s.Dial().Answers()
	for _, c := range old {
		c.Close()
	}
}

func TestARollReplacesTheNodesUnderBothProcesses(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, _, old := withOldClients(t, 4, "")
	code, out, errOut := cli(s, "roll", "--rate", "0", "--exec", "true {node}")
	if code != exitDone {
		t.Errorf("roll: got exit %d, %s%s", code, out, errOut)
	}
	for i, c := range old {
		if code := closeCode(c); code != 4200 {
			t.Errorf("client %d: got %d, want 4200", i, code)
		}
		c.Close()
	}
	s.Eventually("the old process has ended", func() bool { return len(nodesNow(s).Predecessors) == 0 })
	s.Dial().Answers()
}

func TestANodeThatDiesUnderTheOldProcessClosesItsClientsCleanly(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	s, _, old := withOldClients(t, 2, "")
	s.RestartNode("reverb-1")
	s.RestartNode("reverb-2")
	for i, c := range old {
		if code := closeCode(c); code < 4100 || code > 4299 {
			t.Errorf("client %d: got %d, want a code on which it comes back", i, code)
		}
		c.Close()
	}
}
