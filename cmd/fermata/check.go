package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fermata/internal/config"
)

func newCheckCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate a configuration and print every mistake and warning",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Check(file)
			if err != nil {
				return err
			}
			for _, w := range c.Warnings {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s (a warning)\n", w)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok: %d listeners, %s\n", file, len(c.Listen), nodesText(c.Nodes))
			return nil
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// nodesText says which nodes there are, and where others are to be found.
func nodesText(entries []config.Node) string {
	fixed := 0
	var texts []string
	for _, e := range entries {
		if e.Finds() {
			texts = append(texts, "those found by "+e.Source.String())
		} else {
			fixed++
		}
	}
	if fixed > 0 {
		texts = append([]string{fmt.Sprintf("%d nodes", fixed)}, texts...)
	}
	return strings.Replace(strings.Join(texts, " and "), "those found", "nodes found", 1-min(fixed, 1))
}
