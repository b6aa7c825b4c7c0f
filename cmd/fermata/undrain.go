package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
)

func newUndrainCommand() *cobra.Command {
	var where adminFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "undrain NODE",
		Short:             "Give a drained node clients again",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: where.completeNode,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := where.client()
			if err != nil {
				return err
			}
			node, err := client.Undrain(cmd.Context(), args[0], admin.UndrainRequest{Local: where.local})
			if err != nil {
				return err
			}
			warn(cmd.ErrOrStderr(), node.Name, node.Warning)
			if asJSON {
				return admin.Encode(cmd.OutOrStdout(), node)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is %s, health %s\n", node.Name, node.State, node.HealthText())
			return err
		},
	}
	where.register(cmd)
	where.registerLocal(cmd, decideHere)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the node as the API's JSON")
	return cmd
}
