package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
)

// rebalanceFlags are those of the rebalance command.
type rebalanceFlags struct {
	where  adminFlags
	skew   string
	rate   int
	dryRun bool
	json   bool
}

func newRebalanceCommand() *cobra.Command {
	var flags rebalanceFlags
	cmd := &cobra.Command{
		Use:   "rebalance",
		Short: "Move clients from the fullest nodes to the emptiest",
		Long: `Move clients from the fullest nodes to the emptiest, after a node was added or
came back.

Nodes that have more than their weight's share of the clients, and more than
the skew above it, give away what is above the share. Each client is moved once
at most; undrain or drain of such a node ends it for that node.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	flags.where.register(cmd)
	flags.where.registerLocal(cmd, decideHere)
	f := cmd.Flags()
	f.StringVar(&flags.skew, "skew", "10%", "leave nodes alone that are at most `P` above their share")
	f.IntVar(&flags.rate, "rate", 20, "move `N` clients per second, 0 for all at once")
	f.BoolVar(&flags.dryRun, "dry-run", false, "only say what it would do")
	f.BoolVar(&flags.json, "json", false, "print the API's JSON")
	return cmd
}

func (f *rebalanceFlags) run(cmd *cobra.Command) error {
	skew, err := parsePercent(f.skew)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--skew: %w", err)}
	}
	client, err := f.where.client()
	if err != nil {
		return err
	}
	plan, err := client.Rebalance(cmd.Context(), admin.RebalanceRequest{Skew: &skew, Rate: &f.rate, DryRun: f.dryRun, Local: f.where.local})
	if err != nil {
		return err
	}
	warn(cmd.ErrOrStderr(), "rebalance", plan.Warning)
	out := cmd.OutOrStdout()
	if f.json {
		return admin.Encode(out, plan)
	}
	_, err = io.WriteString(out, f.sentence(plan)+"\n"+forecastTable(out, plan.Forecast))
	return err
}

func (f *rebalanceFlags) sentence(plan admin.Rebalance) string {
	verb := "moving"
	if f.dryRun {
		verb = "would move"
	}
	switch {
	case plan.Clients == 0:
		return fmt.Sprintf("nothing to move: no node is more than %s above its share", f.skew)
	case plan.Rate == 0:
		return fmt.Sprintf("%s %s, all at once", verb, clients(plan.Clients))
	}
	takes := time.Duration(plan.Clients) * time.Second / time.Duration(plan.Rate)
	return fmt.Sprintf("%s %s, %s, in about %s", verb, clients(plan.Clients), rateOf(plan.Rate), max(takes.Round(time.Second), time.Second))
}

// parsePercent reads "10%", or "10", as 0.1.
func parsePercent(text string) (float64, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 1000) {
		return 0, fmt.Errorf("got %q, want 0%% to 1000%%, such as 10%%", text)
	}
	return percent / 100, nil
}
