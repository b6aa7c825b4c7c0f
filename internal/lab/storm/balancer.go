//go:build linux

package main

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fermata/internal/lab/storm/report"
)

//go:embed config
var configs embed.FS

// balancer is one of those that are compared.
type balancer struct {
	report.Balancer
	program string   // its path, from find
	config  string   // its configuration's template in configs; empty: it is no program
	args    []string // to run it in the foreground; the configuration's path follows
	version []string // to make it tell its version
	// drain and undrain do what an operator does before and after the restart
	// of a node; nil: nothing.
	drain, undrain func(ctx context.Context, r *running, node int) error
}

// operatorWaits is how long an operator lets a node be that gets no new clients
// any more, before its restart. The clients that it has would stay for ever.
const operatorWaits = 2 * time.Second

func allBalancers() []*balancer {
	return []*balancer{
		{
			Balancer: report.Balancer{
				Name:  "fermata",
				Setup: "its defaults, and the reverb check (every 2 s, 1 s for the answer, fall 2)",
				Drain: "fermata drain --wait at the default rate, the node is restarted, fermata undrain",
			},
			config: "fermata.yaml", args: []string{"serve", "-c"}, version: []string{"version"},
			drain: drainFermata, undrain: undrainFermata,
		},
		{
			Balancer: report.Balancer{
				Name:  "nginx",
				Setup: "ip_hash, and its own failed attempts as the only check, as it has no other",
				Drain: "the node is put down in the configuration, reload, 2 s later it is restarted, and put back by another reload",
			},
			config: "nginx.conf", args: []string{"-c"}, version: []string{"-v"},
			drain: drainNginx, undrain: undrainNginx,
		},
		{
			Balancer: report.Balancer{
				Name:  "haproxy",
				Setup: "leastconn, a cookie, redispatch, and GET /up as the check (every 2 s, 1 s for the answer, fall 2, shutdown-sessions)",
				Drain: "set server state drain by the socket, 2 s later the node is restarted, set server state ready",
			},
			config: "haproxy.cfg", args: []string{"-db", "-f"}, version: []string{"-v"},
			drain: drainHAProxy, undrain: undrainHAProxy,
		},
		{
			Balancer: report.Balancer{
				Name:  "none",
				Setup: "each client knows one node, a fifth of them each",
				Drain: "the node is restarted",
			},
		},
	}
}

// chosen are the balancers with these names, in their order.
func chosen(names []string) (balancers []*balancer, err error) {
	all := allBalancers()
	for _, name := range names {
		i := slices.IndexFunc(all, func(b *balancer) bool { return b.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("got balancer %q, want fermata, nginx, haproxy or none", name)
		}
		balancers = append(balancers, all[i])
	}
	return balancers, nil
}

// find finds the program, Debian's are partly in sbin; Fermata is built into
// dir where binary is empty.
func (b *balancer) find(ctx context.Context, dir, binary string) error {
	switch {
	case b.config == "":
		return nil
	case b.Name == "fermata" && binary != "":
		b.program = binary
	case b.Name == "fermata":
		b.program = filepath.Join(dir, "fermata")
		if err := build(ctx, b.program); err != nil {
			return err
		}
	default:
		if b.program = look(b.Name); b.program == "" {
			return fmt.Errorf("%s is not installed, so it is LEFT OUT; .ci/setup-bench installs it on Debian", b.Name)
		}
	}
	out, err := exec.CommandContext(ctx, b.program, b.version...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	b.Version = cmp.Or(line, fmt.Sprint(err))
	return nil
}

func look(name string) string {
	for _, name := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func build(ctx context.Context, to string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "fermata/cmd/fermata")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build fermata: %w\n%s", err, out)
	}
	return nil
}
