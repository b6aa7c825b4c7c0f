package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"fermata/balancer"
	"fermata/internal/certs"
	"fermata/internal/discover"
	"fermata/internal/secret"
	"fermata/proxy"
	"fermata/proxy/session"
)

// required is the first two lines of a good file.
const required = "listen: [{address: ':80'}]\nnodes: [{name: a, url: 'http://10.0.0.1:8080'}]\n"

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("fermata.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsNotGivenIsTheDefault(t *testing.T) {
	got := mustParse(t, required+"sticky:\nhealth: {}\nlog: {level: null, format: ~}\nadmin: {token: }\n")
	if !reflect.DeepEqual(got.Nodes, []Node{{
		NodeOptions: balancer.NodeOptions{Name: "a", URL: balancer.URL{Host: "10.0.0.1:8080"}, Weight: 1, MaxConnections: 950},
		Source:      discover.Source{Every: 5 * time.Second, Scheme: "http"},
	}}) {
		t.Errorf("got %+v, want one node of weight 1 and 950 clients", got.Nodes)
	}
	got.Listen, got.Nodes = nil, nil
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhatIsGivenIsTaken(t *testing.T) {
	t.Setenv("FERMATA_TEST_RATE", "7")
	t.Setenv("FERMATA_TEST_SECRET", "from: [the] #environment")
	c := mustParse(t, required+`
sticky: {by: ip, bounded_load: 0, cookie: {max_age: 0s, secrets: ["${FERMATA_TEST_SECRET}"]}}
health: {type: reverb, interval: 500ms, reverb: {app_key: "$${x}", origin: "https://example.com"}}
drain: {rate: "${FERMATA_TEST_RATE}", deadline: "${FERMATA_TEST_RATE}m"}
limits: {max_body_bytes: 2}
no_usable_node: 503
admin: {address: ""}
trusted_proxies: [10.1.2.3/8, "::1"]
`)
	f := func(got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	f(c.Sticky.By, "ip")
	f(c.Sticky.BoundedLoad, 0.0)
	f(c.Sticky.Cookie.MaxAge, time.Duration(0))
	f(c.Sticky.Cookie.Secrets, []secret.Text{"from: [the] #environment"})
	f(c.Health.Interval, 500*time.Millisecond)
	f(c.Health.Reverb.AppKey, "${x}")
	f(c.Drain.Rate, 7)
	f(c.Drain.Deadline, 7*time.Minute)
	f(c.Limits.MaxBodyBytes, int64(2))
	f(c.NoUsableNode, "503")
	f(c.Admin.Address, "")
	f(c.TrustedProxies, []proxy.Network{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")}})
}

func TestAppsAndTheirSessionsAreTaken(t *testing.T) {
	t.Setenv("FERMATA_TEST_SECRET", "hush")
	c := mustParse(t, required+`
apps: [{id: 012, key: one, secret: "${FERMATA_TEST_SECRET}"}, {id: "2", key: two, secret: hush}]
session: {move: false, on_loss: move, timeout: 100ms, max_held_bytes: 1024, max_subscriptions: 1}
`)
	if want := []session.App{{ID: "012", Key: "one", Secret: "hush"}, {ID: "2", Key: "two", Secret: "hush"}}; !reflect.DeepEqual(c.Apps, want) {
		t.Errorf("got %+v, want %+v", c.Apps, want)
	}
	if want := (proxy.SessionOptions{OnLoss: "move", Timeout: 100 * time.Millisecond, MaxHeldBytes: 1024, MaxSubscriptions: 1}); c.Session != want {
		t.Errorf("got %+v, want %+v", c.Session, want)
	}
}

func TestACheckOfTypeReverbNeedsNoKeyWhereAnAppIsKnown(t *testing.T) {
	f := func(health, want string) {
		t.Helper()
		c := mustParse(t, required+"apps: [{id: 1, key: first, secret: s}, {id: 2, key: second, secret: s}]\nhealth: "+health+"\n")
		if got := c.Health.Reverb.AppKey; got != want || len(c.Warnings) > 0 {
			t.Errorf("%s: got the key %q and the warnings %v, want %q and none", health, got, c.Warnings, want)
		}
	}
	f("{type: reverb}", "first")
	f("{type: reverb, reverb: {app_key: second}}", "second")
	f("{type: tcp}", "first") // which that check does not use
}

func TestMinVersionIsTakenWithAndWithoutQuotes(t *testing.T) {
	name, text := writeExample(t)
	for given, want := range map[string]uint16{`"1.2"`: tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		c, err := Parse(name, []byte(strings.ReplaceAll(string(text), `min_version: "1.2"`, "min_version: "+given)))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Listen[1].TLS.Version(); got != want {
			t.Errorf("got %x for %s, want %x", got, given, want)
		}
	}
}

func TestRelativePathsAreRelativeToTheFile(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "certs")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := certs.WriteSelfSigned(sub, []string{"ws.example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "fermata.yaml")
	text := "listen: [{address: ':443', tls: {certificates: [{cert: certs/cert.pem, key: certs/key.pem}]}}]\n" +
		"nodes: [{name: a, url: 'http://10.0.0.1'}]\nstate_dir: state\nadmin: {address: 'unix:admin.sock'}\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Listen[0].TLS.Certificates[0].Cert, c.Listen[0].TLS.Certificates[0].Key, c.StateDir, c.Admin.Address}
	want := []string{p.Cert, p.Key, filepath.Join(dir, "state"), "unix:" + filepath.Join(dir, "admin.sock")}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadSaysWhyAFileCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	f := func(path, want string) {
		t.Helper()
		_, err := Load(path)
		var mistakes Mistakes
		if !errors.As(err, &mistakes) || err.Error() != path+": "+want {
			t.Errorf("got %v, want %s: %s", err, path, want)
		}
	}
	f(filepath.Join(dir, "none.yaml"), "got no such file or directory, want a readable file")
	f(dir, "got a directory, want a regular file")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f(pipe, "got a named pipe, want a regular file")
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, []byte(strings.Repeat("#\n", 600_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	f(huge, "got more than 1048576 bytes, want fewer")
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c := mustParse(t, required+"admin: {token: hush-hush-hush-hush}\nsticky: {cookie: {secrets: [hush-hush-hush-hush]}}\napps: [{id: 1, key: k, secret: hush}]\n")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{c, *c, c.Admin, c.Sticky.Cookie.Secrets, c.Apps, &c.Apps[0]} {
			if got := fmt.Sprintf(format, value); strings.Contains(got, "hush") {
				t.Errorf("got %s by %s, want no secret in it", got, format)
			}
		}
	}
	wantNoSecretInJSON(t, c)
}
