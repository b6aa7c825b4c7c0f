//go:build linux

package main

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

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
}

// operatorWaits is how long an operator lets a node be that gets no new clients
// any more, before its restart. The clients that it has would stay for ever.
const operatorWaits = 2 * time.Second

func allBalancers() []*balancer {
	all := []*balancer{
		{
			Balancer: report.Balancer{
				Name:  "fermata",
				Setup: "its defaults, apps, session on_loss: move, and the reverb check (every 2 s, 1 s for the answer, fall 2)",
				Drain: "fermata drain --wait at the default rate, the node is restarted, fermata undrain",
			},
			drain: drainFermata, undrain: undrainFermata, apps: true,
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
				Name:  "nginx",
				Setup: "ip_hash, and its own failed attempts as the only check, as it has no other",
				Drain: "the node is put down in the configuration, reload, 2 s later it is restarted, and put back by another reload",
			},
			drain: drainNginx, undrain: undrainNginx,
		},
		{
			Balancer: report.Balancer{
				Name:  "haproxy",
				Setup: "leastconn, a cookie, redispatch, and GET /up as the check (every 2 s, 1 s for the answer, fall 2, shutdown-sessions)",
				Drain: "set server state drain by the socket, 2 s later the node is restarted, set server state ready",
			},
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
	for _, b := range all {
		b.program = rival.Named(strings.TrimSuffix(b.Name, "-no-apps"))
	}
	return all
}

// chosen are the balancers with these names, in their order.
func chosen(names []string) (balancers []*balancer, err error) {
	all := allBalancers()
	for _, name := range names {
		i := slices.IndexFunc(all, func(b *balancer) bool { return b.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("got balancer %q, want fermata, fermata-no-apps, nginx, haproxy or none", name)
		}
		balancers = append(balancers, all[i])
	}
	return balancers, nil
}
