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
	fermata(t.Context(), "import", from, "-o", to).want(t, 0, "", "")
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
	fermata(t.Context(), "import", from).has(t, 2, "", from+":8: include: ")
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
	f("events {}\n", ": got no upstream, and no proxy_pass to an address, want one")
	none := filepath.Join(t.TempDir(), "none")
	fermata(t.Context(), "import", none).want(t, 2, "", "fermata: "+none+": no such file or directory\n")
	fermata(t.Context(), "import").has(t, 2, "", "accepts 1 arg")
}
