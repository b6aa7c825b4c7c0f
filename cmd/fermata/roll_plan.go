package main

import (
	"context"
	"fmt"
	"slices"

	"fermata/internal/admin"
	"fermata/internal/console"
)

// plan prints what a roll would do as things are now. It errors when a node's
// drain would be refused.
func (r *roller) plan(ctx context.Context) error {
	var refused error
	for i, name := range r.nodes {
		node, err := r.client.Drain(ctx, name, r.dryRun())
		if err != nil && exitCode(err) != exitRefused {
			return err
		}
		forecast := "now: " + forecastText(node.Forecast)
		if err != nil {
			refused = err
			forecast = "now: " + err.Error()
			if node, err = r.client.Node(ctx, name, r.request.Local); err != nil {
				return err
			}
		}
		command, _, err := r.commandFor(node)
		if err != nil {
			return err
		}
		fmt.Fprintf(r.out, "%d. %s: drain %s, run %s, wait for its check, undrain\n   %s\n", i+1, name, clients(node.Connections), console.Printable(command), forecast)
	}
	r.sayHowOften(ctx)
	return refused
}

func (r *roller) dryRun() admin.DrainRequest {
	request := r.request
	request.DryRun = true
	return request
}

// sayHowOften says whose clients move twice: where every node is to be
// drained, those of the first one have nowhere else to go.
func (r *roller) sayHowOften(ctx context.Context) {
	nodes, err := r.client.Nodes(ctx, r.request.Local)
	if err != nil || len(r.nodes) < 2 {
		return
	}
	spare := slices.ContainsFunc(nodes.Nodes, func(n admin.Node) bool {
		return n.Health == admin.HealthUp && n.State == admin.StateReady && !slices.Contains(r.nodes, n.Name)
	})
	if !spare {
		fmt.Fprintf(r.out, "every usable node is in this roll: the clients of %s go to nodes that are drained after it, and move twice; all others move once\n", r.nodes[0])
	}
}
