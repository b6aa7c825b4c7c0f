package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fermata/internal/app/apptest"
	"fermata/internal/certs"
)

// serveAlone runs "fermata serve" with this configuration and waits until it
// ends by itself.
func serveAlone(t *testing.T, configuration string) output {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "fermata.yaml")
	configuration = fmt.Sprintf("admin: {address: %q}\nnodes: [{name: a, url: http://127.0.0.1:9}]\n", "unix:"+filepath.Join(dir, "admin.sock")) + configuration
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), apptest.Timeout)
	defer cancel()
	return fermata(ctx, "serve", "-c", file)
}

func TestACertificateThatCannotBeServedStopsTheStart(t *testing.T) {
	check := func(p certs.Pair, want string) {
		t.Helper()
		got := serveAlone(t, apptest.TLSListener("1.2", p))
		got.has(t, exitUsage, "", "fermata.yaml:8: listen[0].tls.certificates[0]: ")
		got.has(t, exitUsage, "", want)
	}
	good, other := apptest.Pair(t, time.Now(), "a.example"), apptest.Pair(t, time.Now(), "b.example")
	check(certs.Pair{Cert: good.Cert, Key: other.Key}, "is no key for")
	check(certs.Pair{Cert: good.Cert, Key: good.Cert}, "is no key for")
	check(certs.Pair{Cert: good.Cert + ".none", Key: good.Key}, "no such file")
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := serveAlone(t, fmt.Sprintf("listen: [{address: \"127.0.0.1:0\"}, {address: %q}]\n", l.Addr()))
	got.has(t, exitFailed, "", "fermata: listen[1]: ")
	got.has(t, exitFailed, "", l.Addr().String())
	got.has(t, exitFailed, "", "address already in use")
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
