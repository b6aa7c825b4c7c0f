package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"fermata/internal/admin"
	"fermata/internal/admin/admintest"
	"fermata/internal/admin/endpoint"
	"fermata/internal/secret"
)

// running serves control on a unix socket until the test ends, and makes it
// the default of the commands. stop ends it sooner.
func running(t *testing.T, control admin.Control, token string) (stop func()) {
	t.Helper()
	o := endpoint.Options{Address: "unix:" + filepath.Join(t.TempDir(), "admin.sock"), Token: secret.Text(token)}
	listener, err := endpoint.Listen(o.Address)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(admin.New(o, control, http.NotFoundHandler()))
	web.Listener.Close()
	web.Listener = listener
	web.Start()
	t.Cleanup(web.Close)
	t.Setenv("FERMATA_ADMIN", o.Address)
	t.Setenv("FERMATA_ADMIN_TOKEN", token)
	return web.Close
}

// output is what a command did.
type output struct {
	code     int
	out, err string
}

func fermata(ctx context.Context, args ...string) output {
	out, errOut := newPrinted(), newPrinted() // the log may be written on when the command has ended
	code := run(ctx, args, strings.NewReader(""), out, errOut)
	return output{code, out.text(), errOut.text()}
}

// want compares what must be the same.
func (o output) want(t *testing.T, code int, out, err string) {
	t.Helper()
	if o.code != code || o.out != out || o.err != err {
		t.Errorf("got exit %d\n%s%s\nwant exit %d\n%s%s", o.code, o.out, o.err, code, out, err)
	}
}

// has is want for parts of it.
func (o output) has(t *testing.T, code int, out, err string) {
	t.Helper()
	if o.code != code || !strings.Contains(o.out, out) || !strings.Contains(o.err, err) {
		t.Errorf("got exit %d\n%s%s\nwant exit %d with\n%s\n%s", o.code, o.out, o.err, code, out, err)
	}
}

func threeNodes() *admintest.Control {
	return admintest.New(
		admin.Node{Name: "reverb-1", Connections: 30, MaxConnections: 950},
		admin.Node{Name: "reverb-2", Connections: 20, Weight: 2},
		admin.Node{Name: "reverb-3", Health: "down", Reason: "dial refused"},
	)
}

func TestUsageMistakesExitWith2(t *testing.T) {
	running(t, threeNodes(), "")
	for _, args := range [][]string{
		{"serve"}, {"check"}, {"check", "fermata.yaml"}, {"demo", "--nodes", "0"},
		{"status", "extra"}, {"status", "--nope"}, {"drain"}, {"drain", "a", "b"}, {"drain", "a", "--rate", "fast"},
		{"drain", "reverb-1", "--wait", "--dry-run"}, {"drain", "reverb-1", "--timeout", "1s"}, {"drain", "reverb-1", "--wait", "--timeout", "-1s"},
		{"drain", "reverb-1", "--rate", "-1"}, {"drain", "reverb-1", "--code", "4001"}, {"drain", "nope"},
		{"undrain"}, {"undrain", "nope"}, {"explain"}, {"explain", "--ip", "10.0"}, {"reload", "now"}, {"status", "--admin", "nonsense"},
	} {
		got := fermata(t.Context(), args...)
		if got.code != 2 || got.out != "" || !strings.HasPrefix(got.err, "fermata: ") {
			t.Errorf("%q: got exit %d, %q, %q, want 2 and a message", args, got.code, got.out, got.err)
		}
	}
}

func TestAFermataThatIsNotThereIsExitCode5(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "none.sock")
	want := "fermata: cannot reach the admin endpoint " + address + ": no such file or directory\n"
	for _, args := range [][]string{{"status"}, {"status", "--watch"}, {"drain", "a"}, {"drain", "a", "--wait"}, {"undrain", "a"}, {"explain", "--ip", "10.0.0.1"}, {"reload"}} {
		fermata(t.Context(), append(args, "--admin", address)...).want(t, 5, "", want)
	}
}

func TestTheTokenComesFromTheEnvironmentOrTheFlag(t *testing.T) {
	running(t, threeNodes(), "right")
	fermata(t.Context(), "status").has(t, 0, "reverb-1", "")
	fermata(t.Context(), "status", "--token", "wrong").has(t, 2, "", "FERMATA_ADMIN_TOKEN")
	t.Setenv("FERMATA_ADMIN_TOKEN", "wrong")
	fermata(t.Context(), "status").has(t, 2, "", "no or wrong token")
	fermata(t.Context(), "status", "--token", "right").has(t, 0, "reverb-1", "")
	if help := fermata(t.Context(), "status", "--help"); strings.Contains(help.out, "wrong") {
		t.Errorf("got the token in the help:\n%s", help.out)
	}
}

func TestNodeNamesAreCompleted(t *testing.T) {
	running(t, threeNodes(), "")
	for _, command := range []string{"drain", "undrain"} {
		fermata(t.Context(), "__complete", command, "reverb-").has(t, 0, "reverb-1\tup, ready\nreverb-2\tup, ready\nreverb-3\tdown, ready\n:4\n", "")
		fermata(t.Context(), "__complete", command, "reverb-1", "").has(t, 0, ":4\n", "")
	}
	fermata(t.Context(), "__complete", "drain", "--admin", "unix:/none", "").has(t, 0, ":4\n", "")
}
