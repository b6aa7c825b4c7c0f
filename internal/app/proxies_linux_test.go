package app_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fermata/internal/app/apptest"
	"fermata/internal/lab/port"
)

// behind is a Fermata that takes clients from proxies alone, without TLS and with it.
type behind struct {
	*apptest.Stack
	plain, tls string // HOST:PORT
	dir        string // for the proxy's files, with both.pem
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	b := &behind{plain: port.Reserve(t), tls: port.Reserve(t), dir: t.TempDir()}
	pair := apptest.Pair(t, time.Now(), "ws.example.com")
	var both []byte
	for _, file := range []string{pair.Cert, pair.Key} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	b.write(t, "both.pem", string(both))
	b.Stack = apptest.New(t, 1, fmt.Sprintf("listen:\n  - {address: %s, proxy_protocol: [127.0.0.1]}\n"+
		"  - {address: %s, proxy_protocol: [127.0.0.1], tls: {certificates: [{cert: %q, key: %q}]}}\n", b.plain, b.tls, pair.Cert, pair.Key))
	return b
}

func (b *behind) write(t *testing.T, name, text string) (file string) {
	t.Helper()
	file = filepath.Join(b.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// program is where a proxy is that Debian has in sbin. The test is skipped without it.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(path); err == nil {
			return path
		}
	}
	t.Skipf("SKIPPED, nothing shows that Fermata understands a real %s: it is not installed; .ci/setup does that", name)
	return ""
}

// run runs a proxy until the test ends, and returns when it listens.
func (b *behind) run(t *testing.T, address, path string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	c := exec.Command(path, args...)
	c.Stdout, c.Stderr, c.SysProcAttr = &said, &said, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); c.Wait() }()
	t.Cleanup(func() {
		c.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s: %s", path, said.String())
		}
	})
	b.Eventually(path+" listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// is has a client come to the proxy at address, and looks at what Fermata says of it.
func (b *behind) is(what, address string, overTLS, secure bool) {
	b.T.Helper()
	const ip = "127.0.0.7"
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: apptest.Timeout}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	if overTLS { // whatever the URL says
		transport.DialContext = (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{InsecureSkipVerify: true}}).DialContext
	}
	p, err := b.DialAt(address, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		b.T.Fatalf("%s: %v", what, err)
	}
	if p.Cookie == nil || p.Cookie.Secure != secure {
		b.T.Errorf("%s: got the cookie %v, want one with Secure: %v", what, p.Cookie, secure)
	}
	p.Close(websocket.StatusNormalClosure, "")
	if line := b.Logs.Wait(b.T, "client closed"); line["client"] != ip || line["secure"] != secure {
		b.T.Errorf("%s: got client %v, secure %v, want %s, %v", what, line["client"], line["secure"], ip, secure)
	}
}

func TestBehindARealHAProxyAClientHasItsOwnAddressAndTLS(t *testing.T) {
	t.Parallel()
	path := program(t, "haproxy")
	b := newBehind(t)
	text := "defaults\n mode tcp\n timeout connect 10s\n timeout client 1m\n timeout server 1m\n"
	listen := func(bind, to, send string) string {
		address := port.Reserve(t)
		text += fmt.Sprintf("listen at%s\n bind %s %s\n server f %s %s\n", address[len("127.0.0.1:"):], address, bind, to, send)
		return address
	}
	ending := "ssl crt " + filepath.Join(b.dir, "both.pem")
	v1, v2 := listen("", b.plain, "send-proxy"), listen("", b.plain, "send-proxy-v2")
	through1, through2 := listen("", b.tls, "send-proxy"), listen("", b.tls, "send-proxy-v2")
	ends, plain := listen(ending, b.plain, "send-proxy-v2-ssl"), listen("", b.plain, "send-proxy-v2-ssl")
	named, again := listen(ending, b.plain, "send-proxy-v2-ssl-cn"), listen(ending, b.tls, "send-proxy-v2-ssl ssl verify none")
	silent := listen(ending, b.plain, "send-proxy-v2")
	b.run(t, again, path, "-db", "-f", b.write(t, "haproxy.cfg", text))
	b.is("version 1", v1, false, false)
	b.is("version 2", v2, false, false)
	b.is("version 1, TLS passes through", through1, true, true)
	b.is("version 2, TLS passes through", through2, true, true)
	b.is("HAProxy ends TLS and says so", ends, true, true)
	b.is("the same without TLS", plain, false, false)
	b.is("HAProxy ends TLS, and says whose the certificate is", named, true, true)
	b.is("HAProxy ends TLS, and speaks TLS to Fermata", again, true, true)
	b.is("HAProxy ends TLS and does not say so", silent, true, false)
}

// streamModule is where Debian has nginx's, of which .ci/setup takes the file alone.
func streamModule(t *testing.T) string {
	t.Helper()
	for _, file := range []string{"/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/local/lib/nginx/modules/ngx_stream_module.so"} {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	t.Skip("SKIPPED, nothing shows that Fermata understands a real nginx stream: libnginx-mod-stream is not installed; .ci/setup does that")
	return ""
}

func TestBehindARealNginxStreamAClientHasItsOwnAddress(t *testing.T) {
	t.Parallel()
	path, module := program(t, "nginx"), streamModule(t)
	b := newBehind(t)
	var servers string
	server := func(to string) string {
		address := port.Reserve(t)
		servers += fmt.Sprintf("server { listen %s; proxy_pass %s; proxy_protocol on; }\n", address, to)
		return address
	}
	plain, through := server(b.plain), server(b.tls)
	file := b.write(t, "nginx.conf", fmt.Sprintf("load_module %s;\ndaemon off;\nmaster_process off;\npid %s/nginx.pid;\nerror_log stderr;\nevents {}\nstream {\n%s}\n",
		module, b.dir, servers))
	b.run(t, through, path, "-p", b.dir, "-c", file)
	b.is("without TLS", plain, false, false)
	b.is("TLS passes through", through, true, true)
}
