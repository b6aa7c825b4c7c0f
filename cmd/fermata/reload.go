package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/console"
)

func newReloadCommand() *cobra.Command {
	var where adminFlags
	cmd := &cobra.Command{
		Use:               "reload",
		Short:             "Have the configuration file read again; a wrong one changes nothing",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := where.client()
			if err != nil {
				return err
			}
			reloaded, err := client.Reload(cmd.Context())
			if err != nil {
				return mistakesBelow(err)
			}
			for _, warning := range reloaded.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), console.Printable(warning), "(a warning)")
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "reloaded")
			return err
		},
	}
	where.register(cmd)
	return cmd
}

// mistakesBelow puts the mistakes of the file, one a line, under a headline.
func mistakesBelow(err error) error {
	var api *admin.APIError
	if errors.As(err, &api) && api.Status == http.StatusUnprocessableEntity {
		return fmt.Errorf("not reloaded, nothing has changed:\n%w", err)
	}
	return err
}
