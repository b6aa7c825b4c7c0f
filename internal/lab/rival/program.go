//go:build linux

// Package rival runs Fermata and the programs that it is compared with.
package rival

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// Fermata is the program's name.
const Fermata = "fermata"

// Program is how to run one of them. One without a Config is none: clients
// connect to the nodes.
type Program struct {
	Name    string
	Config  string   // the name of its configuration's template
	args    []string // to run it in the foreground; the configuration's path follows, and
	more    []string // what comes after that
	pidFile string   // with a shell in front, that it writes; empty: there is none in front
	version []string // to make it tell its version
	path    string   // from Find
}

// Programs are all of them, Fermata first.
func Programs() []Program {
	return []Program{
		{Name: Fermata, Config: "fermata.yaml", args: []string{"serve", "-c"}, version: []string{"version"}},
		{Name: "nginx", Config: "nginx.conf", args: []string{"-c"}, version: []string{"-v"}},
		{Name: "haproxy", Config: "haproxy.cfg", args: []string{"-db", "-f"}, version: []string{"-v"}},
		{Name: "caddy", Config: "Caddyfile", args: []string{"run", "--adapter", "caddyfile", "--config"}, version: []string{"version"}},
	}
}

// Named is the program of that name. Where there is none it has no Config.
func Named(name string) Program {
	for _, p := range Programs() {
		if p.Name == name {
			return p
		}
	}
	return Program{Name: name}
}

// As is the same program under another name, with another configuration.
func (p Program) As(name, config string) Program {
	p.Name, p.Config = name, config
	return p
}

// With is the same program with more arguments, after its configuration.
func (p Program) With(args ...string) Program {
	p.more = args
	return p
}

// Adopted is the same program, whose parent has ended once it has written a file with
// its pid: nginx does not replace itself while the one that started it lives.
func (p Program) Adopted(pidFile string) Program {
	p.pidFile = pidFile
	return p
}

// adopt is a shell that stays, as the first process of the group, and one that ends
// when the program has written its file, or has ended.
const adopt = `sh -c '"$@" & while kill -0 $! && ! [ -s "$0" ]; do sleep 0.02; done' "$@"; exec sleep 86400`

// arguments are those of a process that runs the program.
func (p *Program) arguments(config string) []string {
	args := slices.Concat([]string{p.path}, p.args, []string{config}, p.more)
	if p.pidFile != "" {
		return slices.Concat([]string{"/bin/sh", "-c", adopt, "sh", p.pidFile}, args)
	}
	return args
}

// Find finds the program. Fermata is binary, or built into dir where that is
// empty.
func (p *Program) Find(ctx context.Context, dir, binary string) (err error) {
	switch {
	case p.Config == "":
		return nil
	case p.Name != Fermata:
		p.path, err = look(p.Name)
	case binary != "":
		p.path = binary
	default:
		p.path = filepath.Join(dir, Fermata)
		err = build(ctx, p.path)
	}
	return err
}

// look finds what Debian partly has in sbin, which is not on every user's PATH.
func look(name string) (path string, err error) {
	for _, file := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(file); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed, so it is LEFT OUT; .ci/setup-bench installs it on Debian", name)
}

func build(ctx context.Context, to string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "fermata/cmd/fermata")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build fermata: %w\n%s", err, out)
	}
	return nil
}

// Path is the program's, from Find.
func (p *Program) Path() string { return p.path }

// Version is the first line of what the program says of itself, empty for
// none.
func (p *Program) Version(ctx context.Context) string {
	if p.path == "" {
		return ""
	}
	out, err := exec.CommandContext(ctx, p.path, p.version...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return cmp.Or(line, fmt.Sprint(err))
}

// Configure writes the program's configuration into dir: its template from
// config/ in templates, filled in with values.
func (p *Program) Configure(templates fs.FS, dir string, values any) (file string, err error) {
	t, err := template.ParseFS(templates, "config/"+p.Config)
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, p.Config)
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	return file, errors.Join(t.Execute(f, values), f.Close())
}
