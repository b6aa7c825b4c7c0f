package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/lab/devnode"
)

func TestSmokeTellsAWorkingStackFromABrokenOne(t *testing.T) {
	node, err := devnode.Start("127.0.0.1:0", devnode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	t.Setenv("FERMATA_SMOKE_KEY", devnode.DefaultAppKey)
	t.Setenv("FERMATA_SMOKE_APP_ID", devnode.DefaultAppID)
	t.Setenv("FERMATA_SMOKE_SECRET", devnode.DefaultAppSecret)
	url := "ws://" + node.Addr().String()

	junit := filepath.Join(t.TempDir(), "smoke.xml")
	out := wantSmoke(t, exitDone, url, "--junit", junit)
	if !strings.Contains(out, "✓ event") || !strings.Contains(out, "7 passed, 0 failed, 2 skipped") {
		t.Errorf("got:\n%s\nwant the event among 7 that passed", out)
	}
	if text, err := os.ReadFile(junit); err != nil || !strings.Contains(string(text), `tests="9"`) {
		t.Errorf("got %v and %s, want a report of 9 tests", err, text)
	}

	node.SetFaults(devnode.Faults{Up: 503})
	out = wantSmoke(t, exitFailed, url, "--json")
	if !strings.Contains(out, `"ok": false`) || !strings.Contains(out, "503 Service Unavailable") {
		t.Errorf("got:\n%s\nwant JSON with the failure", out)
	}
}

func TestSmokeRefusesWrongOptions(t *testing.T) {
	for _, name := range []string{"FERMATA_SMOKE_KEY", "FERMATA_SMOKE_APP_ID", "FERMATA_SMOKE_SECRET"} {
		t.Setenv(name, "")
	}
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSmoke(t, exitUsage)
	wantSmoke(t, exitUsage, "ws://127.0.0.1:1")
	wantSmoke(t, exitUsage, "http://127.0.0.1:1", "--key", "k")
	wantSmoke(t, exitUsage, "ws://127.0.0.1:1", "--key", "k", "--ca", notPEM)
	wantSmoke(t, exitUsage, "ws://127.0.0.1:1", "--key", "k", "--ca", notPEM+".missing")
	wantSmoke(t, exitFailed, "ws://127.0.0.1:1", "--key", "k")
}

// wantSmoke runs the command and returns its output.
func wantSmoke(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := newSmokeCommand()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append([]string{}, args...)) // nil would mean those of the test
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	if got := exitCode(err); got != code {
		t.Errorf("smoke %v: got exit code %d (%v), want %d; output:\n%s", args, got, err, code, out.String())
	}
	return out.String()
}
