//go:build linux

package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed config
var configs embed.FS

// proxy is how to run one of those that are compared.
type proxy struct {
	name    string
	program string   // its path
	config  string   // the template of its configuration, in configs
	args    []string // to run it in the foreground; the configuration's path follows
	version []string // to make it tell its version
}

// direct is no proxy: the clients connect to the nodes.
const direct = "direct"

var rivals = []string{"nginx", "haproxy"}

func allProxies() []proxy {
	return []proxy{
		{name: "fermata", config: "fermata.yaml", args: []string{"serve", "-c"}, version: []string{"version"}},
		{name: "nginx", config: "nginx.conf", args: []string{"-c"}, version: []string{"-v"}},
		{name: "haproxy", config: "haproxy.cfg", args: []string{"-db", "-f"}, version: []string{"-v"}},
		{name: "caddy", config: "Caddyfile", args: []string{"run", "--adapter", "caddyfile", "--config"}, version: []string{"version"}},
		{name: direct},
	}
}

// chosen are the proxies with these names, in the order of allProxies.
func chosen(names []string) ([]proxy, error) {
	all := allProxies()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p proxy) bool { return p.name == name }) {
			return nil, fmt.Errorf("got proxy %q, want fermata, nginx, haproxy, caddy or direct", name)
		}
	}
	return slices.DeleteFunc(all, func(p proxy) bool { return !slices.Contains(names, p.name) }), nil
}

// find finds the program, Debian's are partly in sbin; Fermata is built into
// dir where binary is empty.
func (p *proxy) find(ctx context.Context, dir, binary string) error {
	switch {
	case p.name == direct:
		return nil
	case p.name == "fermata" && binary == "":
		p.program = filepath.Join(dir, "fermata")
		return build(ctx, p.program)
	case p.name == "fermata":
		p.program = binary
		return nil
	}
	for _, name := range []string{p.name, "/usr/sbin/" + p.name, "/usr/local/sbin/" + p.name} {
		if path, err := exec.LookPath(name); err == nil {
			p.program = path
			return nil
		}
	}
	return fmt.Errorf("%s is not installed; .ci/setup-bench does that on Debian", p.name)
}

func build(ctx context.Context, to string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "fermata/cmd/fermata")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build fermata: %w\n%s", err, out)
	}
	return nil
}

// tellVersion is the first line of what the proxy says of itself.
func (p *proxy) tellVersion(ctx context.Context) string {
	if p.program == "" {
		return ""
	}
	out, err := exec.CommandContext(ctx, p.program, p.version...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return cmp.Or(line, fmt.Sprint(err))
}

// place is what a configuration is made from.
type place struct {
	Dir             string
	Plain, TLS      string // where the proxy listens, HOST:PORT
	PlainPort       string
	TLSPort         string
	Cert, Key, Both string // files
	Nodes           []string
}

// configure writes the proxy's configuration into the place's folder.
func (p *proxy) configure(at place) (file string, err error) {
	t, err := template.ParseFS(configs, "config/"+p.config)
	if err != nil {
		return "", err
	}
	file = filepath.Join(at.Dir, p.config)
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	return file, errors.Join(t.Execute(f, at), f.Close())
}
