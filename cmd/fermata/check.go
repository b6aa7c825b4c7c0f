package main

import (
	"fmt"

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
	fixed, found := 0, ""
	for _, e := range entries {
		if e.Finds() {
			found += ", and those found by " + e.Source.String()
		} else {
			fixed++
		}
	}
	return fmt.Sprintf("%d nodes%s", fixed, found)
}
