package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/dotenv"
	"fermata/internal/regular"
)

func newUpgradeCommand() *cobra.Command {
	var where adminFlags
	var environment string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Replace the running Fermata by a new process; clients notice nothing",
		Long: `Replace the running Fermata by a new process, of the binary and the
configuration that are there now.

The new process gets the listening sockets; only when it can serve, the old one
stops accepting. Clients without TLS are handed over: their connections stay.
Those with TLS stay with the old process, which closes them with 4200, one after
the other, within upgrade.spread, and ends with the last; until then the two act
as one. If the new process cannot serve, nothing has changed, the exit code is 1,
and the error says why.

Unlike a reload it also takes over other listeners, another admin address, and
with --env-file other environment variables.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request, err := upgradeRequest(environment)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			client, err := where.client()
			if err != nil {
				return err
			}
			upgraded, err := client.Upgrade(cmd.Context(), request)
			if err != nil {
				return err
			}
			if asJSON {
				return admin.Encode(cmd.OutOrStdout(), upgraded)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), upgradedText(upgraded, time.Now()))
			return err
		},
	}
	where.register(cmd)
	cmd.Flags().StringVar(&environment, "env-file", "", "give the new process the variables of `FILE`, NAME=VALUE in each line")
	cmd.MarkFlagFilename("env-file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's JSON")
	return cmd
}

// mostEnvironment bounds a file with variables.
const mostEnvironment = 32 << 10

func upgradeRequest(file string) (r admin.UpgradeRequest, err error) {
	if file == "" {
		return r, nil
	}
	text, err := regular.Read(file, mostEnvironment)
	if err != nil {
		return r, err
	}
	if r.Environment, err = dotenv.Parse(string(text), os.LookupEnv); err != nil {
		return r, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

func upgradedText(u admin.Upgraded, now time.Time) string {
	text := fmt.Sprintf("upgraded: process %d serves, %d clients were handed over", u.PID, u.HandedOver)
	switch {
	case u.Staying == 0:
		return text
	case u.Until.IsZero():
		return text + fmt.Sprintf(", %d stay with the old process until they leave", u.Staying)
	}
	return text + fmt.Sprintf(", %d come over within %s", u.Staying, u.Until.Sub(now).Round(time.Second))
}
