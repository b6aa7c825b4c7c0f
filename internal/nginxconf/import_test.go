package nginxconf

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fermata/internal/certs"
	"fermata/internal/config"
	"fermata/internal/nginxconf/syntax"
)

var update = flag.Bool("update", false, "write the golden files")

// example is a file in testdata and what it is imported with. Its golden file
// stands beside it: NAME.yaml, or NAME.error where it is refused.
type example struct {
	file   string
	golden string
	o      Options
}

// examples are all files that people could have.
func examples(t testing.TB) []example {
	t.Helper()
	all := []example{
		{"readme/nginx.conf", "readme/fermata.yaml", Options{}},
		{"reverb-docs/nginx.conf", "reverb-docs/fermata.yaml", Options{}},
		{"hash/nginx.conf", "hash/fermata.yaml", Options{}},
		{"hash/nginx.conf", "hash/replace.yaml", Options{Replace: true}},
		{"large/nginx.conf", "large/fermata.yaml", Options{Upstream: "reverb_nodes", Replace: true}},
		{"large/nginx.conf", "large/behind.yaml", Options{Upstream: "reverb_nodes"}},
		{"forge/sites-available/app.example.com", "forge/fermata.yaml", Options{}},
		{"debian/sites-available/ws", "debian/fermata.yaml", Options{}},
		{"files/octane.conf", "files/octane.replace.yaml", Options{Upstream: "reverb", Replace: true}},
		{"files/debian-ip-hash.conf", "files/debian-ip-hash.behind.yaml", Options{Behind: "10.0.0.2:8090"}},
	}
	files, err := filepath.Glob("testdata/files/*.conf")
	if err != nil || len(files) < 25 {
		t.Fatalf("got %d files and %v, want many", len(files), err)
	}
	for _, file := range files {
		name := "files/" + filepath.Base(file)
		o := Options{}
		if name == "files/octane-reverb.conf" {
			o.Upstream = "reverb"
		}
		all = append(all, example{name, strings.TrimSuffix(name, ".conf") + ".yaml", o})
	}
	return all
}

// imported is the example's result, as if it had been read from /etc/nginx.
func (e example) imported(t *testing.T) (text, notes string, err error) {
	t.Helper()
	dir := absolute(t, "testdata")
	inPlace := strings.NewReplacer(filepath.Join(dir, filepath.Dir(e.file)), "/etc/nginx", dir, "/testdata")
	result, err := Import(filepath.Join(dir, e.file), e.o)
	if err != nil {
		return "", "", errors.New(inPlace.Replace(err.Error()))
	}
	return inPlace.Replace(string(result.Text)), inPlace.Replace(strings.Join(result.Notes, "\n")), nil
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryExampleGivesItsGoldenFile(t *testing.T) {
	for _, e := range examples(t) {
		golden := filepath.Join("testdata", e.golden)
		got, _, err := e.imported(t)
		if err != nil {
			golden, got = strings.TrimSuffix(golden, ".yaml")+".error", err.Error()+"\n"
		}
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want := text(t, golden); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", golden, got, want)
		}
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryGoldenFileIsAConfiguration(t *testing.T) {
	for _, e := range examples(t) {
		got, _, err := e.imported(t)
		if err != nil {
			continue // TestEveryExampleGivesItsGoldenFile has the words of the refusal
		}
		if _, err := config.Parse("fermata.yaml", []byte(withPair(t, got))); err != nil {
			t.Errorf("%s: %v", e.golden, err)
		}
	}
}

var certFile, keyFile = regexp.MustCompile(`cert: .*`), regexp.MustCompile(`key: .*`)

// withPair names a certificate that is there.
func withPair(t *testing.T, text string) string {
	t.Helper()
	pair, err := certs.WriteSelfSigned(t.TempDir(), []string{"ws.example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return keyFile.ReplaceAllString(certFile.ReplaceAllString(text, "cert: "+pair.Cert), "key: "+pair.Key)
}

func TestTheReadmesNginxConfigurationIsTheExample(t *testing.T) {
	_, after, found := strings.Cut(text(t, filepath.Join("..", "..", "README.md")), "```nginx\n")
	got, _, _ := strings.Cut(after, "```")
	if want := text(t, filepath.Join("testdata", "readme", "nginx.conf")); !found || got != want {
		t.Errorf("got\n%s\nin the README, want what is in testdata/readme", got)
	}
}

// parsed is what becomes of a text, or the error.
func parsed(text, upstream string) string {
	main, err := syntax.Parse("/none/nginx.conf", []byte(text))
	if err != nil {
		return err.Error()
	}
	got, err := translate(main, "nginx.conf", "/none", Options{Upstream: upstream})
	if err != nil {
		return err.Error()
	}
	return string(got.Text)
}

// with is a configuration with something in its upstream, and in its server.
func with(upstream, server string) string {
	return "upstream a { server 10.0.0.1; " + upstream + " } server { " + server + " location / { proxy_pass http://a; } }"
}

func TestWhatIsTakenOver(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := parsed(text, ""); !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", text, got, want)
		}
	}
	f(with("", ""), "listen:\n  - address: \":80\"\n")
	f(with("", "listen localhost:81;"), "  - address: \"localhost:81\"\n")
	f(with("", "listen [::1]; listen [::]:82;"), "  - address: \"[::1]:80\"\n  - address: \":82\"\n")
	f(with("", "listen 1.2.3.4:443 ssl; listen 443; ssl_certificate /c; ssl_certificate_key /k; ssl_protocols TLSv1.3;"),
		"listen:\n  - address: \":443\"\n    tls:\n      certificates:\n        - cert: /c\n          key: /k\n      min_version: \"1.3\"\n\n")
	f(with("", "ssl on; listen 443; ssl_certificate c$d; ssl_certificate_key k; ssl_certificate 'a b'; ssl_certificate_key '${e}';"),
		"ssl_certificate c$d (nginx.conf:1), ssl_certificate a b (nginx.conf:1): no pair of files")
	f(with("", "listen 443 ssl;"), "listen 443 ssl (nginx.conf:1): left out, since no certificate for it was found.\n")
	f(with("", "listen 443 ssl;"), "listen:\n  - address: \":80\"\n")
	f(with("", "listen 443 quic;"), "listen 443 quic (nginx.conf:1): Fermata does not speak QUIC")
	f(with("", "listen 8000-8010;"), "listen 8000-8010 (nginx.conf:1): no single port")
	f(with("", "listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;"),
		"  - address: \":80\"\n    proxy_protocol: [10.0.0.0/8]\n")
	f(with("", "listen 80 proxy_protocol;"), "    proxy_protocol: [0.0.0.0/0, \"::/0\"]\n")
	f(with("", "listen 80 proxy_protocol;"), "# listen 80 proxy_protocol (nginx.conf:1): nginx does not say which proxies send the header")
	f(with("", "listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;"), "trusted_proxies:\n  - 10.0.0.0/8\n")

	f(with("server 10.0.0.1:80 weight=2000000;", ""), "a weight is at most 1000000 here")
	f(with("server 10.0.0.1:80 weight=5;", ""), "server 10.0.0.1:80 weight=5 (nginx.conf:1): the same node again")
	f(with("server $b; server c:0; server d resolve;", ""), "a-4, url: \"http://d:80\"}\n")
	f("upstream '€ $' { server a; } server { location / { proxy_pass 'http://€ $'; } }", "{name: node-1,")
	f("server { location / { proxy_pass https://10.0.0.1; } }", "  - {name: reverb-1, url: \"https://10.0.0.1:443\"}\n")
	f("server { location / { proxy_pass https://10.0.0.1; } }", "proxy_pass https://10.0.0.1 (nginx.conf:1): nginx takes any certificate of a node")
	f("server { location / { proxy_pass https://a; proxy_ssl_verify off; } }", "proxy_ssl_verify off (nginx.conf:1): nginx takes any certificate of a node")
	f("upstream reverb { server 10.0.0.1:443; } server { proxy_ssl_verify on; proxy_ssl_trusted_certificate /ca.pem; location / { proxy_pass https://reverb; proxy_ssl_certificate /c.pem; proxy_ssl_certificate_key /c.key; } }",
		"url: \"https://10.0.0.1:443\", tls: {ca: \"/ca.pem\", server_name: \"reverb\", client_cert: \"/c.pem\", client_key: \"/c.key\"}}\n")
	f("server { location / { proxy_pass https://a; proxy_ssl_name b.internal; proxy_ssl_verify on; proxy_ssl_session_reuse off; } }", "tls: {server_name: \"b.internal\"}}\n")
	f("server { location / { proxy_pass https://a; proxy_ssl_name $host; } }", "proxy_ssl_name $host (nginx.conf:1): no fixed name")
	f("server { location /app { proxy_pass https://a:1; } location /apps { proxy_pass http://a:1; } }", "proxy_pass http://a:1 (nginx.conf:1): Fermata speaks to a node with TLS or without")

	f(with("sticky cookie c expires=1d;", ""), "sticky:\n  cookie:\n    name: c\n\n")
	f(with("sticky cookie fermata expires=24h httponly samesite=Lax path=/;", ""), "}\n\nhealth:\n")
	f(with("sticky cookie c;", ""), "    max_age: 0s\n")
	f(with("sticky cookie c path=$p expires=0;", ""), "path=$p")
	f(with("sticky cookie c domain=localhost path=/app;", ""), "left out: sticky.cookie.domain: got \"localhost\"")
	f(with("sticky cookie __Host-c domain=example.com path=/ secure;", ""), "    name: __Host-c\n    max_age: 0s\n    secure: always\n")
	f(with("sticky cookie __Host-c;", ""), "# sticky name=__Host-c (nginx.conf:1): left out: sticky.cookie.secure")
	f(with("sticky cookie c secure partitioned samesite=none;", ""), "    partitioned: true\n")
	f(with("sticky name=r hash=sha1 secure;", ""), "    name: r\n    max_age: 0s\n    secure: always\n")
	f(with("sticky;", ""), "    name: route\n")
	f(with("ip_hash; sticky learn create=$a zone=b:1m;", ""), "sticky learn create=$a zone=b:1m (nginx.conf:1): Fermata pins by a cookie of its own")
	f(with("hash $http_x_forwarded_for;", ""), "hash $http_x_forwarded_for (nginx.conf:1): Fermata takes the client's own address out of X-Forwarded-For")
	f(with("hash $request_uri;", ""), "hash $request_uri (nginx.conf:1): Fermata pins by a cookie of its own, or by")

	f(with("", "health_check uri=/ok interval=5 fails=3 passes=1 match=m;"),
		"health:\n  type: http # GET /ok; tcp for nodes that do not answer it with 200\n  interval: 5s\n  rise: 1\n  fall: 3\n  http: {path: \"/ok\"}\n")
	f("keepalive_timeout 1m30s 20; "+with("", "keepalive_timeout 2h;"), "timeouts:\n  idle: 2h\n")
	f("keepalive_timeout 60; client_max_body_size 1m; "+with("", ""), "answer it with 200\n")
	f(with("", "send_timeout 5y; keepalive_timeout 1ms;"), "keepalive_timeout 1ms (nginx.conf:1), send_timeout 5y (nginx.conf:1): no time that")
	f(with("", "send_timeout never;"), "send_timeout never (nginx.conf:1): no time")
	f(with("", "set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:; real_ip_header X-Real-IP;"), "trusted_proxies:\n  - 10.0.0.0/8\n")
	f(with("", "set_real_ip_from ::1;"), "headers:\n  client: x-real-ip # nginx's default\n")
	f(with("", "set_real_ip_from ::1; real_ip_header CF-Connecting-IP;"), "headers:\n  client: cf-connecting-ip\n")
	f(with("", "listen 81;")+"server { listen 81; server_name other; }", "# server other (nginx.conf:1): another site on port 81,")
	f(with("", "listen 81;")+"server { listen 82; server_name other; }", "# server other (nginx.conf:1): passes nothing to these nodes")
	f(with("", "listen 81;")+"server { listen 82; location / { return 301 /; } }", "# server (nginx.conf:1): it only redirects")
	f("upstream a { server b; }", "No listener could be taken over")
	f(with("", "")+"unheard of;", "# unheard of (nginx.conf:1): Fermata has nothing for it.\n")
	f("map $http_upgrade $kind { default web; websocket socket; } "+with("", ""), "# map $http_upgrade (nginx.conf:1): Fermata has nothing")
	f(with("", "proxy_set_header Authorization secret;"), "# proxy_set_header Authorization (nginx.conf:1): ")
	f("server { location /a/ { proxy_pass http://b/; } }", "#   proxy_pass http://b/ (nginx.conf:1): nginx changes the path there, which Fermata does not\n")
	f("server { location /a/ { proxy_pass http://b$request_uri; } }", "url: \"http://b:80\"")
}

func TestErrorsSayWhatToDo(t *testing.T) {
	f := func(text, upstream, want string) {
		t.Helper()
		if got := parsed(text, upstream); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
	}
	const varies = "got a variable that has not one value for all requests, want an address or the name of an upstream"
	two := "upstream a { server b; }\nupstream c { server d; }\n"
	f("a {", "", `/none/nginx.conf:1: unexpected end of file, expecting "}"`)
	f("server { listen 80; }", "", "/none/nginx.conf:1: server: got no proxy_pass in it, want one to the nodes")
	f("server { location / { proxy_pass http://$a; } }", "", "/none/nginx.conf:1: proxy_pass http://$a: "+varies)
	f(two, "", "nginx.conf: got several upstreams, choose one with --upstream:\n  a (/none/nginx.conf:1)\n  c (/none/nginx.conf:2)")
	f(two, "e", "nginx.conf: got no upstream e:\n  a (/none/nginx.conf:1)\n  c (/none/nginx.conf:2)")
	f("upstream a { server unix:/b; }", "", "/none/nginx.conf:1: upstream a: got no server in it that can be a node, want HOST:PORT\n"+
		"  /none/nginx.conf:1: server unix:/b: Fermata reaches nodes over TCP only; give this one a port.")
}

func TestAServerChoosesAmongUpstreams(t *testing.T) {
	text := "upstream a { server 10.0.0.1; } upstream b { server 10.0.0.2; } server { location / { proxy_pass http://B; } }"
	if got := parsed(text, ""); !strings.Contains(got, "http://10.0.0.2:80") {
		t.Errorf("got\n%s\nwant the upstream that the server has", got)
	}
	if got := parsed(text, "a"); !strings.Contains(got, "http://10.0.0.1:80") {
		t.Errorf("got\n%s\nwant the upstream that was asked for", got)
	}
}

func TestTimesAndSizesAreNginxs(t *testing.T) {
	times := func(text string, want time.Duration, ok bool) {
		t.Helper()
		if got, gotOK := parseDuration(text); got != want || gotOK != ok {
			t.Errorf("%q: got %v and %v, want %v and %v", text, got, gotOK, want, ok)
		}
	}
	times("30", 30*time.Second, true)
	times("1h30m", 90*time.Minute, true)
	times("5ms", 5*time.Millisecond, true)
	times("1M1d", 31*24*time.Hour, true)
	times("", 0, false)
	times("1x", 0, false)
	times("s", 0, false)
	times("300y", 0, false)
	times("99999999999999999999", 0, false)
	sizes := func(text string, want int64, ok bool) {
		t.Helper()
		if got, gotOK := parseSize(text); got != want || gotOK != ok {
			t.Errorf("%q: got %v and %v, want %v and %v", text, got, gotOK, want, ok)
		}
	}
	sizes("1024", 1024, true)
	sizes("8k", 8<<10, true)
	sizes("1G", 1<<30, true)
	sizes("", 0, false)
	sizes("m", 0, false)
	sizes("-1", 0, false)
	sizes("9223372036854775807g", 0, false)
}

// wantSettled wants that something has become of every directive.
func wantSettled(t *testing.T, main []syntax.Directive, upstream string) {
	t.Helper()
	s, err := find(main, upstream)
	if err != nil {
		t.Fatal(err)
	}
	d, err := write(s, main, "/none", Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.unsettled(main, func(lost syntax.Directive) { t.Errorf("got nothing of %s, want it taken over or named", d.place(lost)) })
}

// FuzzTranslate wants an error, or a configuration without a mistake other
// than that certificates are missing or nginx passes to itself, with every directive settled.
func FuzzTranslate(f *testing.F) {
	for _, e := range examples(f) {
		text, err := os.ReadFile(filepath.Join("testdata", e.file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), e.o.Upstream)
	}
	f.Add(with("server [::2]:1 weight=2 backup; sticky cookie a path=/b domain=c expires=1 secure samesite=none;",
		"listen 1 ssl; listen [::]:1; ssl_certificate '${a'; ssl_certificate_key 'b\n'; set_real_ip_from 1.2.3.4/5; keepalive_timeout 1; health_check uri=/a;"), "a")
	f.Fuzz(func(t *testing.T, text, upstream string) {
		main, err := syntax.Parse("f", []byte(text))
		if err != nil {
			return
		}
		got, err := translate(main, "f", "/none", Options{Upstream: upstream})
		if err != nil {
			return
		}
		wantSettled(t, main, upstream)
		var mistakes config.Mistakes
		if _, err := config.Parse("/none/fermata.yaml", got.Text); errors.As(err, &mistakes) {
			for _, m := range mistakes {
				isNginxs := strings.Contains(m.Message, "which leads to listen[") || strings.Contains(m.Message, "want another than listen[")
				if !isNginxs && !strings.HasPrefix(m.Message, "got a pair that cannot be served") {
					t.Fatalf("got %v in\n%s", m, got)
				}
			}
		}
	})
}
