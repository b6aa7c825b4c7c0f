package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
)

func newExplainCommand() *cobra.Command {
	var where adminFlags
	var ip, cookie string
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "explain [--ip IP] [--cookie VALUE]",
		Short:             "Say which node a client gets, and why",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ip == "" && cookie == "" {
				return &exitError{exitUsage, errors.New("got no client, want --ip, --cookie or both")}
			}
			client, err := where.client()
			if err != nil {
				return err
			}
			explanation, err := client.Explain(cmd.Context(), ip, cookie)
			if err != nil {
				return err
			}
			if asJSON {
				return admin.Encode(cmd.OutOrStdout(), explanation)
			}
			node := firstOf(explanation.Node, "no node")
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", node, printable(explanation.Reason))
			return err
		},
	}
	where.register(cmd)
	cmd.Flags().StringVar(&ip, "ip", "", "the client has the address `IP`")
	cmd.Flags().StringVar(&cookie, "cookie", "", "its cookie has the `VALUE`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's JSON")
	return cmd
}
