package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/console"
)

func newExplainCommand() *cobra.Command {
	var where adminFlags
	var ip, cookie string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [--ip IP] [--cookie VALUE]",
		Short: "Say which node a client gets, and why",
		Long: "Say which node a client gets, and why it would get none of the others.\n\n" +
			"The nodes stand in the order in which this client would get them: the one that its cookie names, then by\n" +
			"the hash of its address. BOUND is how many clients sticky.bounded_load allows before those without a\n" +
			"cookie pass the node over.",
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
			return printExplanation(cmd.OutOrStdout(), explanation)
		},
	}
	where.register(cmd)
	cmd.Flags().StringVar(&ip, "ip", "", "the client has the address `IP`")
	cmd.Flags().StringVar(&cookie, "cookie", "", "its cookie has the `VALUE`; a whole Cookie header does too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's JSON")
	return cmd
}

func printExplanation(out io.Writer, e admin.Explanation) error {
	text := fmt.Sprintf("%s: %s\n", firstOf(e.Node, "no node"), console.Printable(e.Reason))
	if len(e.Nodes) > 0 {
		text += "\n" + table(candidateRows(e), console.Painter(out))
	}
	_, err := io.WriteString(out, text)
	return err
}

func candidateRows(e admin.Explanation) [][]cell {
	rows := [][]cell{{{"ORDER", bold}, {"NODE", bold}, {"CONNECTIONS", bold}, {"BOUND", bold}, {"THIS CLIENT", bold}}}
	for _, c := range e.Nodes {
		rows = append(rows, []cell{
			{text: orderOf(c)},
			{text: console.Printable(c.Node)},
			{text: connectionsOf(admin.Node{Connections: c.Connections, MaxConnections: c.MaxConnections})},
			{text: numberOr(c.Bound, "-")},
			{console.Printable(c.Reason), candidateStyle(c, e.Node)},
		})
	}
	return rows
}

// orderOf is the node's place for the client.
func orderOf(c admin.Candidate) string {
	if c.Pinned {
		return "cookie"
	}
	return numberOr(c.Rank, "-")
}

func numberOr(n int, none string) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}

func candidateStyle(c admin.Candidate, picked string) string {
	switch {
	case c.Node == picked:
		return green
	case c.PassedOver != "":
		return yellow
	}
	return ""
}
