package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/port"
)

// phpAndReverb is the most common file: the application and Reverb on one name.
// It lacks what Fermata needs behind nginx.
const phpAndReverb = `upstream reverb {
    ip_hash;
    server NODE1;
    server NODE2;
}
server {
    listen NGINX;
    root ROOT;
    location /app {
        proxy_pass http://reverb;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "Upgrade";
    }
    location = /up {
        proxy_pass http://reverb;
    }
    location / {
        try_files $uri /index.html;
    }
}
`

// pathTakenOff is a file in which the nodes get another path than nginx.
const pathTakenOff = `upstream reverb { server NODE1; server NODE2; }
server {
    listen NGINX;
    proxy_set_header Host $host;
    location /ws/ {
        proxy_pass http://reverb/;
    }
}
`

// behindNginx is nginx with the imported file's changes, and Fermata, run with
// that file, behind it.
type behindNginx struct {
	*apptest.Stack
	nginx string // HOST:PORT
}

func newBehindNginx(t *testing.T, file string) *behindNginx {
	t.Helper()
	nodes, urls := apptest.StartNodes(t, 2)
	b := &behindNginx{Stack: apptest.Configured(t, urls, ""), nginx: port.Reserve(t)}
	b.Nodes = nodes
	dir := t.TempDir()
	site := strings.NewReplacer("NODE1", nodes[0].Addr().String(), "NODE2", nodes[1].Addr().String(), "NGINX", b.nginx, "ROOT", dir).Replace(file)
	writeText(t, filepath.Join(dir, "site"), site)
	writeText(t, filepath.Join(dir, "index.html"), "the application")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.File = filepath.Join(dir, "fermata.yaml")
	fermata(t.Context(), "import", filepath.Join(dir, "site"), "--behind", port.Reserve(t), "-o", b.File).has(t, 0, "", "Fermata is behind nginx")
	text, err := os.ReadFile(b.File)
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, "site"), changed(t, site, string(text)))
	writeText(t, b.File, string(text)+fmt.Sprintf("admin: {address: %q}\n", b.Admin))
	fermata(t.Context(), "check", "-c", b.File).has(t, 0, "ok: 1 listeners, 2 nodes", "")
	b.Serve()
	startNginx(t, dir, b.nginx)
	return b
}

var (
	inThePlace = regexp.MustCompile(`(?m)^#   site:(\d+): in the place of (.*);\n#     (.*;)$`)
	beside     = regexp.MustCompile(`(?m)^#   and into location .*, since it is missing there:\n((?:#     .*;\n)+)`)
)

// changed is nginx's file after everything that Fermata's says to change in it.
func changed(t *testing.T, site, instructions string) string {
	t.Helper()
	lines := strings.Split(site, "\n")
	all := inThePlace.FindAllStringSubmatchIndex(instructions, -1)
	for i, at := range all {
		word := func(n int) string { return instructions[at[2*n]:at[2*n+1]] }
		number, err := strconv.Atoi(word(1))
		if err != nil || !strings.Contains(lines[number-1], word(2)) {
			t.Fatalf("got %s in the place of line %d, want what is there: %s", word(2), number, lines[number-1])
		}
		lines[number-1] = word(3)
		until := len(instructions)
		if i+1 < len(all) {
			until = all[i+1][0]
		}
		if missing := beside.FindStringSubmatch(instructions[at[1]:until]); missing != nil {
			lines[number-1] += strings.ReplaceAll(missing[1], "#", "\n")
		}
	}
	if len(all) != strings.Count(site, "proxy_pass") {
		t.Fatalf("got %d changes in\n%s\nwant one for each location", len(all), instructions)
	}
	return strings.Join(lines, "\n")
}

// startNginx runs nginx with the folder's site until the test ends.
func startNginx(t *testing.T, dir, address string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // which is not on every user's PATH
	}
	if out, err := exec.Command(path, "-v").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, nothing shows that Fermata works behind nginx: %v %s; .ci/setup installs it", err, out)
	}
	var temp string
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	writeText(t, filepath.Join(dir, "nginx.conf"), "daemon off;\nmaster_process off;\npid "+filepath.Join(dir, "nginx.pid")+
		";\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+temp+"include site;\n}\n")
	var log bytes.Buffer
	command := exec.Command(path, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); command.Wait() }()
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("nginx: %s", log.String())
		}
	})
	awaitListener(t, address, ended)
}

// awaitListener returns when the program listens.
func awaitListener(t *testing.T, address string, ended <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(apptest.Timeout)
	for {
		select {
		case <-ended:
			t.Fatal("nginx has ended")
		case <-timeout:
			t.Fatal("nginx does not listen")
		case <-tick.C:
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
	}
}

// dialFrom connects through nginx from an address of its own, and claims
// another in X-Forwarded-For.
func (b *behindNginx) dialFrom(ip string, cookies ...*http.Cookie) *apptest.Peer {
	b.T.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	header := http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}
	for _, c := range cookies {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	p, err := b.DialAt(b.nginx, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		b.T.Fatal(err)
	}
	return p
}

func TestBehindNginxAClientKeepsItsAddressAndItsPin(t *testing.T) {
	t.Parallel()
	b := newBehindNginx(t, phpAndReverb)
	for _, ip := range []string{"127.0.0.5", "127.0.0.6"} {
		first := b.dialFrom(ip)
		if first.Cookie == nil || first.Cookie.Secure {
			t.Fatalf("got the cookie %v, want one that is not Secure: the client came without TLS", first.Cookie)
		}
		for range 5 {
			if again := b.dialFrom(ip, first.Cookie); again.Node != first.Node {
				t.Errorf("got node %s for the cookie of %s, want the same", again.Node, first.Node)
			}
		}
		first.Close(websocket.StatusNormalClosure, "")
		if line := b.Logs.Wait(t, "client closed"); line["client"] != ip || line["node"] != first.Node {
			t.Errorf("got client %v on %v, want %s on %s", line["client"], line["node"], ip, first.Node)
		}
	}
}

func TestBehindNginxTheSiteAndTheSmokeTestGoOn(t *testing.T) {
	b := newBehindNginx(t, phpAndReverb)
	response, err := http.Get("http://" + b.nginx + "/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || string(text) != "the application" {
		t.Errorf("got %q and %v, want nginx's own page", text, err)
	}
	t.Setenv("FERMATA_SMOKE_KEY", devnode.DefaultAppKey)
	t.Setenv("FERMATA_SMOKE_APP_ID", devnode.DefaultAppID)
	t.Setenv("FERMATA_SMOKE_SECRET", devnode.DefaultAppSecret)
	wantSmoke(t, exitDone, "ws://"+b.nginx, "--expect-cookie")
}

func TestBehindNginxPathsThatItChangesGoOn(t *testing.T) {
	b := newBehindNginx(t, pathTakenOff)
	t.Setenv("FERMATA_SMOKE_KEY", devnode.DefaultAppKey)
	t.Setenv("FERMATA_SMOKE_APP_ID", "")
	t.Setenv("FERMATA_SMOKE_SECRET", "")
	wantSmoke(t, exitDone, "ws://"+b.nginx+"/ws", "--expect-cookie")
}
