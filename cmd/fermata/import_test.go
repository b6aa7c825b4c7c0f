package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fermata/internal/certs"
)

const nginxConf = `upstream reverb {
    ip_hash;
    server 10.0.1.10:8080;
    server 10.0.1.11:8080 max_conns=950;
}
server {
    listen 443 ssl;
    include tls.conf;
    location / { proxy_pass http://reverb; }
}
`

// nginxFolder has an nginx.conf with that text, and the certificate that its
// tls.conf names.
func nginxFolder(t *testing.T, text string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	pair, err := certs.WriteSelfSigned(dir, []string{"ws.example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "nginx.conf")
	writeText(t, file, text)
	writeText(t, filepath.Join(dir, "tls.conf"),
		"ssl_certificate "+filepath.Base(pair.Cert)+";\nssl_certificate_key "+filepath.Base(pair.Key)+";\n")
	return dir, file
}

func writeText(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatImportWritesPassesTheCheck(t *testing.T) {
	_, from := nginxFolder(t, nginxConf)
	to := filepath.Join(t.TempDir(), "fermata.yaml")
	fermata(t.Context(), "import", from, "-o", to).has(t, 0, "", "ip_hash (nginx.conf:2): Fermata pins a client by a cookie")
	fermata(t.Context(), "check", "-c", to).want(t, 0, to+": ok: 1 listeners, 2 nodes\n", "")
}

func TestImportWritesToStandardOutput(t *testing.T) {
	_, from := nginxFolder(t, nginxConf)
	fermata(t.Context(), "import", from).has(t, 0, `{name: reverb-2, url: "http://10.0.1.11:8080", max_connections: 950}`, "")
}

func TestImportLeavesAFileThatIsThere(t *testing.T) {
	dir, from := nginxFolder(t, nginxConf)
	to := filepath.Join(dir, "fermata.yaml")
	writeText(t, to, "mine")
	fermata(t.Context(), "import", from, "-o", to).has(t, 1, "", "file exists")
	if text, err := os.ReadFile(to); err != nil || string(text) != "mine" {
		t.Errorf("got %q and %v, want the file as it was", text, err)
	}
}

func TestImportReadsAFileThatIsInAnotherFolderThanNginxConf(t *testing.T) {
	dir, _ := nginxFolder(t, "")
	from := filepath.Join(dir, "sites", "ws")
	if err := os.Mkdir(filepath.Dir(from), 0o700); err != nil {
		t.Fatal(err)
	}
	writeText(t, from, nginxConf)
	fermata(t.Context(), "import", from).has(t, 0, "reverb-1", "include tls.conf ("+from[len(filepath.Dir(from))+1:]+":8): it finds no file")
	fermata(t.Context(), "import", from, "--prefix", dir).has(t, 0, "reverb-1", "")
}

func TestImportChoosesAnUpstream(t *testing.T) {
	_, from := nginxFolder(t, nginxConf+strings.NewReplacer("reverb", "other", "443 ssl", "81").Replace(nginxConf))
	fermata(t.Context(), "import", from).want(t, 2, "", "fermata: "+from+": got several upstreams, choose one with --upstream:\n"+
		"  reverb ("+from+":1)\n  other ("+from+":11)\n")
	fermata(t.Context(), "import", from, "--upstream", "other").has(t, 0, "other-1", "")
	fermata(t.Context(), "import", from, "--upstream", "none").has(t, 2, "", "got no upstream none")
}

func TestImportExitsWith2ForWhatItCannotRead(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, from := nginxFolder(t, text)
		fermata(t.Context(), "import", from).want(t, 2, "", "fermata: "+from+want+"\n")
	}
	f("upstream a {\n", `:2: unexpected end of file, expecting "}"`)
	f("events {}\n", ": got no server, no location and no upstream of http, want a proxy_pass to the nodes")
	f("server {\n location / {\n proxy_pass http://$up; }\n}\n",
		":3: proxy_pass http://$up: got a variable that has not one value for all requests, want an address or the name of an upstream")
	none := filepath.Join(t.TempDir(), "none")
	fermata(t.Context(), "import", none).want(t, 2, "", "fermata: "+none+": no such file or directory\n")
	fermata(t.Context(), "import").has(t, 2, "", "accepts 1 arg")
}

func TestASiteOfForgeFindsItsIncludesWithoutAPrefix(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sites-available/ws":        "include forge-conf/ws/before/*;\nserver { listen 80; location / { proxy_pass http://rv; } }\n",
		"forge-conf/ws/before/rv":   "upstream rv { ip_hash; server 10.0.0.1:8080; server 10.0.0.2:8080; }\nset_real_ip_from 10.1.0.0/16;\n",
		"forge-conf/ws/before/.old": "upstream old {",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeText(t, name, text)
	}
	site := filepath.Join(dir, "sites-available", "ws")
	to := filepath.Join(dir, "fermata.yaml")
	fermata(t.Context(), "import", site, "-o", to).has(t, 0, "", "ip_hash (forge-conf/ws/before/rv:1)")
	fermata(t.Context(), "check", "-c", to).want(t, 0, to+": ok: 1 listeners, 2 nodes\n", "")
	if text, err := os.ReadFile(to); err != nil || !strings.Contains(string(text), "trusted_proxies:\n  - 10.1.0.0/16\n") {
		t.Errorf("got %s and %v, want the trusted proxies", text, err)
	}
}

func TestAnUpstreamThatAnIncludeDidNotFindIsNoHost(t *testing.T) {
	_, from := nginxFolder(t, "include forge-conf/ws/before/*;\nserver { listen 80; location / { proxy_pass http://rv; } }\n")
	to := filepath.Join(t.TempDir(), "fermata.yaml")
	fermata(t.Context(), "import", from, "-o", to).has(t, 2, "", from+":2: proxy_pass http://rv: got no upstream rv")
	fermata(t.Context(), "import", from, "-o", to).has(t, 2, "", "include forge-conf/ws/before/* ("+from+":1)")
	if _, err := os.Stat(to); err == nil {
		t.Error("got a file, want none without the upstream")
	}
}

func TestImportTakesBehindOrReplace(t *testing.T) {
	_, from := nginxFolder(t, nginxConf)
	fermata(t.Context(), "import", from, "--behind", "127.0.0.1:9000").has(t, 0, `address: "127.0.0.1:9000" # for nginx`, "")
	fermata(t.Context(), "import", from, "--behind", "9000").has(t, 2, "", `behind: got "9000", want HOST:PORT`)
	fermata(t.Context(), "import", from, "--behind", "127.0.0.1:9000", "--replace").has(t, 2, "", "got both behind and replace, want one of them")
}
