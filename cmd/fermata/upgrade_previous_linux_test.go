package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/handover"
)

// TestTheCommitBeforeAndThisOneTakeOverFromEachOther is about the protocol between two
// Fermatas: whoever changes it in a way that the last version does not understand gives
// it another number, and then this test says so.
func TestTheCommitBeforeAndThisOneTakeOverFromEachOther(t *testing.T) {
	apptest.TakesSeconds(t)
	t.Parallel()
	before := commitBefore(t)
	_, urls := apptest.StartNodes(t, 2)
	s := apptest.Configured(t, urls, secureAndPlain(t, "upgrade: {spread: 0s}\ntimeouts: {close: 1s}\n"))
	first := takeOver(t, s, before)
	secure := secureClient(s)
	s.Address = first.listening[1]
	var plain []*apptest.Peer
	for range 10 {
		plain = append(plain, s.Dial())
	}
	noticedNothing := func() {
		t.Helper()
		s.Eventually("the first process has its client with TLS alone, and is the only old one", func() bool {
			old := nodesNow(s).Predecessors
			return len(old) == 1 && old[0].PID == first.pid && old[0].Clients == 1
		})
		for _, p := range plain {
			p.Answers()
		}
		secure()
		s.Dial().Answers()
	}
	second := takeOver(t, s, os.Args[0])
	noticedNothing()
	last := takeOver(t, s, before)
	if err := second.exited(); err != nil {
		t.Errorf("the second process: got %v, want it to end once its clients are handed over", err)
	}
	noticedNothing()
	last.stop()
	if err := first.exited(); err != nil {
		t.Errorf("the first process: got %v, want it to stop with the last", err)
	}
}

// takeOver starts a process of that binary which takes the place of the one that
// serves, and waits until it does.
func takeOver(t *testing.T, s *apptest.Stack, binary string) *apart {
	t.Helper()
	p := startApartAs(t, func(c *exec.Cmd) { c.Path, c.Args[0] = binary, binary }, "serve", "-c", s.File, "--take-over")
	for address := "-"; address != ""; {
		if address = p.until(`"listening","address":"([^"]+)"|"serving"`)[1]; address != "" {
			p.listening = append(p.listening, address)
		}
	}
	if s.Address == "" {
		s.Address = p.listening[0]
	}
	return p
}

// commitBefore builds Fermata as it was in the commit before this one. It puts the files
// of then in the place of those that have changed, so that only these packages are
// compiled.
func commitBefore(t *testing.T) (binary string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "git", "cat-file", "-e", "HEAD~1:internal/handover/message.go").Run(); err != nil {
		t.Skip("SKIPPED: there is no commit before this one whose Fermata can take over: no git history here, or a shallow clone")
	}
	if then := git(t, "show", "HEAD~1:internal/handover/handover.go"); !strings.Contains(then, fmt.Sprintf("const Version = %d\n", handover.Version)) {
		t.Skipf("SKIPPED: the commit before has another version of the protocol than %d, and is refused", handover.Version)
	}
	begun := time.Now()
	folder := t.TempDir()
	overlay := filepath.Join(folder, "overlay.json")
	writeJSON(t, overlay, map[string]any{"Replace": filesBefore(t, folder)})
	binary = filepath.Join(folder, "fermata")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the commit before: %v\n%s", err, out)
	}
	t.Logf("built in %s", time.Since(begun).Round(time.Millisecond))
	return binary
}

// filesBefore are the files that have changed since, and where their text of then is;
// empty: they were not there.
func filesBefore(t *testing.T, folder string) map[string]string {
	t.Helper()
	root := strings.TrimSpace(git(t, "rev-parse", "--show-toplevel"))
	before := make(map[string]string)
	for name := range strings.SplitSeq(git(t, "-C", root, "ls-files", "--others", "--exclude-standard", "-z"), "\x00") {
		if name != "" {
			before[filepath.Join(root, name)] = ""
		}
	}
	changes := strings.Split(git(t, "-C", root, "diff", "--name-status", "--no-renames", "-z", "HEAD~1"), "\x00")
	for i := 0; i+1 < len(changes); i += 2 {
		status, name := changes[i], changes[i+1]
		before[filepath.Join(root, name)] = ""
		if status != "A" {
			before[filepath.Join(root, name)] = textBefore(t, folder, name)
		}
	}
	return before
}

func textBefore(t *testing.T, folder, name string) (file string) {
	t.Helper()
	file = filepath.Join(folder, "before", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(git(t, "show", "HEAD~1:"+name)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

func writeJSON(t *testing.T, file string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
