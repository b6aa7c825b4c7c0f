//go:build linux

package main

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"fermata/internal/lab/redisserver"
	"fermata/internal/lab/rival"
	"fermata/internal/lab/storm/report"
)

//go:embed config
var configs embed.FS

// balancer is one of those that are compared.
type balancer struct {
	report.Balancer
	program rival.Program
	apps    bool // it is told the app
	// drain and undrain do what an operator does before and after the restart
	// of a node; nil: nothing.
	drain, undrain func(ctx context.Context, r *running, node int) error
	// upgrade replaces the balancer by a new process and returns when that serves. old
	// are the processes that were there before. nil: there is nothing to replace.
	upgrade func(ctx context.Context, r *running) (old []int, err error)

	members int           // Fermatas side by side; 0: it is alone, with nothing in front
	cluster bool          // they share a Redis
	front   rival.Program // what is in front of them
}

// operatorWaits is how long an operator lets a node be that gets no new clients
// any more, before its restart. The clients that it has would stay for ever.
const operatorWaits = 2 * time.Second

func allBalancers() []*balancer {
	all := []*balancer{
		{
			Balancer: report.Balancer{
				Name:    "fermata",
				Setup:   "its defaults, apps, session on_loss: move, and the reverb check (every 2 s, 1 s for the answer, fall 2)",
				Drain:   "fermata drain --wait at the default rate, the node is restarted, fermata undrain",
				Upgrade: "fermata upgrade, with upgrade.spread as -spread says",
			},
			drain: drainFermata, undrain: undrainFermata, upgrade: upgradeFermata, apps: true,
		},
		{
			Balancer: report.Balancer{
				Name:  "fermata-no-apps",
				Setup: "the same without apps and session, so that clients are closed and come back",
				Drain: "the same",
			},
			drain: drainFermata, undrain: undrainFermata,
		},
		{
			Balancer: report.Balancer{
				Name:    "nginx",
				Setup:   "ip_hash, and its own failed attempts as the only check, as it has no other",
				Drain:   "the node is put down in the configuration, reload, 2 s later it is restarted, and put back by another reload",
				Upgrade: "SIGUSR2 to the master, and SIGQUIT once the new one has its workers",
			},
			drain: drainNginx, undrain: undrainNginx, upgrade: upgradeNginx,
		},
		{
			Balancer: report.Balancer{
				Name:    "haproxy",
				Setup:   "leastconn, a cookie, redispatch, and GET /up as the check (every 2 s, 1 s for the answer, fall 2, shutdown-sessions)",
				Drain:   "set server state drain by the socket, 2 s later the node is restarted, set server state ready",
				Upgrade: "another one is started with -x (expose-fd listeners) and -sf",
			},
			drain: drainHAProxy, undrain: undrainHAProxy, upgrade: upgradeHAProxy,
		},
		{
			Balancer: report.Balancer{
				Name:  "none",
				Setup: "each client knows one node, a fifth of them each",
				Drain: "the node is restarted",
			},
		},
	}
	for _, b := range all {
		b.program = rival.Named(strings.TrimSuffix(b.Name, "-no-apps"))
	}
	return append(all, sideBySide()...)
}

// sideBySide are Fermatas behind HAProxy, for the scenarios of several of them.
func sideBySide() []*balancer {
	const setup = "HAProxy in TCP mode (leastconn, GET /readyz every second) in front of "
	all := []*balancer{
		{Balancer: report.Balancer{Name: "cluster", Setup: setup + "three Fermatas with cluster, and a Redis of their own"}, members: 3, cluster: true},
		{Balancer: report.Balancer{Name: "apart", Setup: setup + "three Fermatas without cluster"}, members: 3},
		{Balancer: report.Balancer{Name: "one", Setup: setup + "one Fermata"}, members: 1},
	}
	for _, b := range all {
		b.Drain = "fermata drain --wait and fermata undrain, asked of the first one"
		b.program, b.front, b.apps = rival.Named(rival.Fermata), rival.Named("haproxy"), true
	}
	return all
}

// find finds all programs that it needs. Fermata is binary, or built into dir.
func (b *balancer) find(ctx context.Context, dir, binary string) error {
	if err := b.program.Find(ctx, dir, binary); err != nil {
		return err
	}
	b.Version = b.program.Version(ctx)
	if b.members == 0 {
		return nil
	}
	if err := b.front.Find(ctx, dir, ""); err != nil {
		return err
	}
	b.Version += " behind " + b.front.Version(ctx)
	b.front = b.front.As("front", "front.cfg")
	if !b.cluster {
		return nil
	}
	return redisserver.Installed()
}

// chosen are the balancers with these names, in their order.
func chosen(names []string) (balancers []*balancer, err error) {
	all := allBalancers()
	for _, name := range names {
		i := slices.IndexFunc(all, func(b *balancer) bool { return b.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("got balancer %q, want fermata, fermata-no-apps, nginx, haproxy, none, cluster, apart or one", name)
		}
		balancers = append(balancers, all[i])
	}
	return balancers, nil
}
