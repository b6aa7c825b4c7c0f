package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
)

const defaultAdmin = "unix:/run/fermata/admin.sock"

// adminFlags say where the running Fermata is. They are read from the
// environment only when used, so that no help text shows the token.
type adminFlags struct {
	address string
	token   string
	ca      string
	local   bool // only the member of a cluster that is asked
}

func (f *adminFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.address, "admin", "", "the admin endpoint at `ADDRESS`, unix:PATH, http://HOST:PORT or https://HOST:PORT (env FERMATA_ADMIN; default "+defaultAdmin+")")
	flags.StringVar(&f.ca, "admin-ca", "", "a PEM `FILE` with the certificate that has signed that of an endpoint at https://… (env FERMATA_ADMIN_CA; default the system's)")
	flags.StringVar(&f.token, "token", "", "its `TOKEN`; others on this machine see what is given here, so better env FERMATA_ADMIN_TOKEN")
}

// decideHere is what --local means for a change.
const decideHere = "do it on this member alone if Redis cannot be reached; the others do it once it is back"

// registerLocal is for commands that can be about one member of a cluster.
func (f *adminFlags) registerLocal(cmd *cobra.Command, usage string) {
	cmd.Flags().BoolVar(&f.local, "local", false, "in a cluster: "+usage)
}

func (f *adminFlags) client() (*admin.Client, error) {
	client, err := admin.NewClient(f.endpoint(), firstOf(f.token, os.Getenv("FERMATA_ADMIN_TOKEN")))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if ca := firstOf(f.ca, os.Getenv("FERMATA_ADMIN_CA")); ca != "" {
		if err := client.Trust(ca); err != nil {
			return nil, &exitError{exitUsage, err}
		}
	}
	return client, nil
}

// endpoint is its address.
func (f *adminFlags) endpoint() string {
	return firstOf(f.address, os.Getenv("FERMATA_ADMIN"), defaultAdmin)
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

// completeNode offers the names of the running Fermata's nodes for the first
// argument.
func (f *adminFlags) completeNode(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.completeNodes(cmd, args, prefix)
}

// completeNodes offers those that are not among the arguments yet.
func (f *adminFlags) completeNodes(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	client, err := f.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	list, _ := client.Nodes(ctx, false) // a shell that completes shows no errors
	var names []cobra.Completion
	for _, node := range list.Nodes {
		if strings.HasPrefix(node.Name, prefix) && !slices.Contains(args, node.Name) {
			names = append(names, cobra.CompletionWithDesc(node.Name, node.Health+", "+node.State))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
