package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"fermata/internal/nginxconf"
)

func newImportCommand() *cobra.Command {
	var options nginxconf.Options
	var file string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Write the configuration that does what an nginx.conf does",
		Long: "Reads nginx's configuration, with all that it includes, and writes Fermata's for one upstream and the servers\n" +
			"that pass requests on to it. What is not taken over is in the comments, and on standard error, with its place\n" +
			"and what to do instead. Where nginx has more to serve on the same ports, nginx keeps them, and Fermata is behind\n" +
			"it; what to change in nginx is at the top of the file.",
		Example: "  fermata import /etc/nginx/nginx.conf -o /etc/fermata/fermata.yaml\n" +
			"  fermata import /etc/nginx/sites-available/ws.example.com --behind 127.0.0.1:8090",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := nginxconf.Import(args[0], options)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			if err := writeNew(cmd.OutOrStdout(), file, result.Text); err != nil {
				return err
			}
			for _, note := range result.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), note)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "the new `FILE`, which must not be there yet (default: standard output)")
	cmd.Flags().StringVar(&options.Upstream, "upstream", "", "the `NAME` of the upstream, where there are several")
	cmd.Flags().StringVar(&options.Prefix, "prefix", "", "nginx's `FOLDER`, for a FILE that is not in it (default: found from FILE)")
	cmd.Flags().StringVar(&options.Behind, "behind", "", "the `ADDRESS` on which Fermata takes from nginx what goes to the nodes (default: on loopback, where nginx has to stay)")
	cmd.Flags().BoolVar(&options.Replace, "replace", false, "take nginx's ports, also where it has more to serve")
	return cmd
}

// writeNew writes to a file that is not there yet, or to out without a name.
func writeNew(out io.Writer, name string, text []byte) error {
	if name == "" {
		_, err := out.Write(text)
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}
