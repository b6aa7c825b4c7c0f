package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"fermata/internal/app/apptest"
)

// A pod that ends is out of its Service at once, and serves on for its grace period:
// its clients' sessions go to other nodes, and their sockets stay.
func TestSessionsOfANodeThatIsNoLongerFoundMoveWithoutAClose(t *testing.T) {
	t.Parallel()
	nodes, urls := apptest.StartNodes(t, 2)
	list := filepath.Join(t.TempDir(), "nodes.yaml")
	write := func(first int) {
		t.Helper()
		text := ""
		for i := first; i < len(urls); i++ {
			text += fmt.Sprintf("- {name: reverb-%d, url: %q}\n", i+1, urls[i])
		}
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	s := apptest.NewFront(t, urls, apptest.KnownApp+fmt.Sprintf("session: {timeout: 1m}\nnodes: [{name: listed, discover: file, file: %q, every: 1s}]\n", list))
	s.Nodes = nodes
	staying, going := s.DialOn("reverb-2"), s.DialOn("reverb-1")
	write(1)
	line := s.Logs.WaitFor(t, "drained of reverb-1", func(line map[string]any) bool { return line["msg"] == "drained" && line["node"] == "reverb-1" })
	if line["closed"] != 0.0 || line["moved"] == 0.0 {
		t.Errorf("got the log line %v, want everybody moved", line)
	}
	s.Node("reverb-1").Kill() // the grace period is over
	going.Answers()
	staying.Answers()
}
