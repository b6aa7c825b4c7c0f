package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const laravel = `APP_NAME=Laravel
REVERB_APP_ID=4711
REVERB_APP_KEY="appkey"
REVERB_APP_SECRET='geheim${x} # no comment'
REVERB_HOST="ws.example.com"
REVERB_PORT=443
REVERB_SCHEME=https
REVERB_SERVER_HOST=0.0.0.0
REVERB_SERVER_PORT=8081
VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
`

// inFolder is the files of a folder for init.
func inFolder(t *testing.T) (env, file string) {
	t.Helper()
	dir := t.TempDir()
	env, file = filepath.Join(dir, ".env"), filepath.Join(dir, "fermata.yaml")
	writeText(t, env, laravel)
	return env, file
}

func TestAFirstConfigurationFromALaravelEnvPassesTheCheckAndIsPrivate(t *testing.T) {
	env, file := inFolder(t)
	got := fermata(t.Context(), "init", "-c", file, "--env", env)
	got.has(t, exitDone, "fermata check -c "+file+"\n  fermata serve -c "+file, "REVERB_SCHEME is https: give --domain")
	if strings.Contains(got.out+got.err, "geheim") {
		t.Errorf("got the secret in\n%s%s", got.out, got.err)
	}
	fermata(t.Context(), "check", "-c", file).has(t, exitDone, "1 listeners, 1 nodes", "")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestFlagsGoBeforeTheEnv(t *testing.T) {
	env, file := inFolder(t)
	got := fermata(t.Context(), "init", "-c", file, "--env", env, "--listen", "127.0.0.1:7000", "--node", "http://10.0.1.10:8080", "--node", "http://10.0.1.11:8080")
	got.has(t, exitDone, "", "several nodes need REVERB_SCALING_ENABLED=true")
	text, _ := os.ReadFile(file)
	for _, part := range []string{"127.0.0.1:7000", "http://10.0.1.10:8080", "http://10.0.1.11:8080", "4711"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("got no %s in\n%s", part, text)
		}
	}
}

func TestAConfigurationIsOverwrittenByForceOnly(t *testing.T) {
	env, file := inFolder(t)
	writeText(t, file, "# mine\nlisten: []\n")
	fermata(t.Context(), "init", "-c", file, "--env", env).has(t, exitUsage, "", "there is a configuration already: --force overwrites it")
	if text, _ := os.ReadFile(file); string(text) != "# mine\nlisten: []\n" {
		t.Errorf("got %s, want it as it was", text)
	}
	fermata(t.Context(), "init", "-c", file, "--env", env, "--force").has(t, exitDone, "", "")
}

func TestThePackagesFileIsWrittenAndItsGroupReadsIt(t *testing.T) {
	env, file := inFolder(t)
	text, err := os.ReadFile("../../packaging/fermata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, file, string(text))
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	fermata(t.Context(), "init", "-c", file, "--env", env).has(t, exitDone, "", "")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want mode 0640", info.Mode(), err)
	}
}

func TestWithoutNodesNothingIsWritten(t *testing.T) {
	_, file := inFolder(t)
	fermata(t.Context(), "init", "-c", file).has(t, exitUsage, "", "got no nodes, want --node or --env")
	fermata(t.Context(), "init", "-c", file, "--node", "nonsense").has(t, exitUsage, "", "nodes[0].url")
	if _, err := os.Stat(file); err == nil {
		t.Error("got a file, want none")
	}
}

func TestAWrongEnvIsToldWithItsLine(t *testing.T) {
	env, file := inFolder(t)
	writeText(t, env, "A=b\nREVERB_APP_SECRET=geheim geheim\n")
	got := fermata(t.Context(), "init", "-c", file, "--env", env)
	got.has(t, exitUsage, "", ".env: line 2: REVERB_APP_SECRET: got more after the value")
	if strings.Contains(got.err, "geheim") {
		t.Errorf("got the secret in %s", got.err)
	}
}
