package main

import (
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
			"that pass requests on to it. What is not taken over is in the comments, with its place and what to do instead.",
		Example: "  fermata import /etc/nginx/nginx.conf -o /etc/fermata/fermata.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := nginxconf.Import(args[0], options)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			return writeNew(cmd.OutOrStdout(), file, text)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "the new `FILE`, which must not be there yet (default: standard output)")
	cmd.Flags().StringVar(&options.Upstream, "upstream", "", "the `NAME` of the upstream, where there are several")
	cmd.Flags().StringVar(&options.Prefix, "prefix", "", "the `FOLDER` of nginx.conf, for FILEs elsewhere (default: FILE's own)")
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
