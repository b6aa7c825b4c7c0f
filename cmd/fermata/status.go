package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/console"
	"fermata/internal/screen"
)

func newStatusCommand() *cobra.Command {
	var where adminFlags
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:               "status",
		Short:             "Show the nodes: health and its reason, drain, connections",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := where.client()
			if err != nil {
				return err
			}
			status := status{client: client, out: cmd.OutOrStdout(), json: asJSON, local: where.local}
			switch in, out := terminals(cmd.InOrStdin(), status.out); {
			case watch && out != nil && !asJSON:
				return screen.New(screen.Options{In: in, Out: out, Address: where.endpoint(), Styled: console.Coloured(out), Local: where.local}, client).Run(cmd.Context())
			case watch:
				return status.watch(cmd.Context(), time.Second)
			}
			return status.once(cmd.Context())
		},
	}
	where.register(cmd)
	where.registerLocal(cmd, "show what this member has")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's JSON")
	cmd.Flags().BoolVar(&watch, "watch", false, "go on showing it, and take keys to drain and undrain; when piped, print it anew when it has changed")
	return cmd
}

// status prints the nodes of a running Fermata.
type status struct {
	client *admin.Client
	out    io.Writer
	json   bool
	local  bool // what one member of a cluster has
}

func (s status) once(ctx context.Context) error {
	list, err := s.client.Nodes(ctx, s.local)
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.out, s.text(list))
	return err
}

// watch prints until ctx ends. A Fermata that was there once may be away for a
// while, as in a restart.
func (s status) watch(ctx context.Context, every time.Duration) error {
	show := s.printChanges()
	if isTerminal(s.out) {
		show = s.redraw()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for seen := false; ; seen = true {
		list, err := s.client.Nodes(ctx, s.local)
		switch {
		case ctx.Err() != nil:
			return nil
		case seen && errors.Is(err, admin.ErrUnreachable):
			err = show(admin.NodeList{}, err.Error()+"\n")
		case err == nil:
			err = show(list, s.text(list))
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// printChanges prints the text when the nodes differ from those before.
func (s status) printChanges() func(admin.NodeList, string) error {
	first, last := true, admin.NodeList{}
	return func(list admin.NodeList, text string) error {
		list.Nodes = steady(list.Nodes)
		if !first && reflect.DeepEqual(list, last) {
			return nil
		}
		first, last = false, list
		_, err := io.WriteString(s.out, text)
		return err
	}
}

// steady leaves out what each check that passes changes.
func steady(nodes []admin.Node) []admin.Node {
	nodes = slices.Clone(nodes)
	for i := range nodes {
		n := &nodes[i]
		n.Checked, n.Loop, n.Members = time.Time{}, 0, slices.Clone(n.Members)
		if n.UpEverywhere() {
			n.Reason = ""
		}
		for j := range n.Members {
			m := &n.Members[j]
			m.Checked = time.Time{}
			if m.Health == admin.HealthUp {
				m.Reason = ""
			}
		}
	}
	return nodes
}

// redraw writes each text over the one before.
func (s status) redraw() func(admin.NodeList, string) error {
	start := "\x1b[2J\x1b[H"
	return func(_ admin.NodeList, text string) error {
		_, err := io.WriteString(s.out, start+strings.ReplaceAll(text, "\n", "\x1b[K\n")+"\x1b[J")
		start = "\x1b[H"
		return err
	}
}

func (s status) text(list admin.NodeList) string {
	if !s.json {
		return table(statusRows(list.Nodes), console.Painter(s.out)) + outcomes(list.Nodes) + predecessorsText(list.Predecessors) +
			clusterText(s.out, list.Cluster, s.local) + certificatesText(s.out, list.Certificates)
	}
	var text strings.Builder
	admin.Encode(&text, list) // cannot fail: it came as JSON
	return text.String()
}

func statusRows(nodes []admin.Node) [][]cell {
	header := []cell{{"NODE", bold}, {"HEALTH", bold}, {"STATE", bold}, {"CONNECTIONS", bold}, {"WEIGHT", bold}, {"DRAIN", bold}, {"REASON", bold}}
	rows := [][]cell{header}
	for _, node := range nodes {
		rows = append(rows, []cell{
			{text: console.Printable(node.Name)},
			{console.Printable(node.HealthText()), healthStyle(node)},
			{node.State, stateStyle(node)},
			{text: connectionsOf(node)},
			{text: strconv.Itoa(node.Weight)},
			{text: drainOf(node)},
			{text: console.Printable(node.ReasonText())},
		})
	}
	return rows
}

// outcomes has a line for each node whose clients were to go and have.
func outcomes(nodes []admin.Node) (lines string) {
	for _, node := range nodes {
		if node.Outcome().Text != "" {
			lines += withOutcome(console.Printable(node.Name), ": ", node) + "\n"
		}
	}
	return lines
}

// predecessorsText has a line for each old process that has clients still.
func predecessorsText(all []admin.Predecessor) (lines string) {
	for _, p := range all {
		lines += console.Printable(p.Text()) + "\n"
	}
	return lines
}

func healthStyle(node admin.Node) string {
	switch {
	case node.Health != admin.HealthUp:
		return red
	case node.Delivery == admin.HealthDown || !node.UpEverywhere():
		return yellow
	}
	return green
}

func stateStyle(node admin.Node) string {
	if node.State == admin.StateReady {
		return ""
	}
	return yellow
}

func connectionsOf(node admin.Node) string {
	if node.MaxConnections == 0 {
		return strconv.Itoa(node.Connections)
	}
	return fmt.Sprintf("%d/%d", node.Connections, node.MaxConnections)
}

func drainOf(node admin.Node) string {
	if node.Drain == nil || node.State == admin.StateReady {
		return "-"
	}
	if node.State == admin.StateDrained {
		return "done"
	}
	return fmt.Sprintf("%d of %d left, %s", node.Drain.Remaining, node.Drain.Initial, rateOf(node.Drain.Rate))
}

func rateOf(rate int) string {
	if rate == 0 {
		return "all at once"
	}
	return fmt.Sprintf("%d/s", rate)
}
