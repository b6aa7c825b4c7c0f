package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"fermata/internal/app"
	"fermata/internal/config"
	"fermata/internal/console"
	"fermata/internal/systemd"
)

func newServeCommand() *cobra.Command {
	var file string
	var takeOver bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the balancer in the foreground",
		Long: "Run the balancer in the foreground.\n\n" +
			"SIGTERM and SIGINT send all clients away and stop, within stop_timeout; a second one stops at once.\n" +
			"SIGHUP reloads the configuration; a wrong one changes nothing.\n\n" +
			"With --take-over it takes the place of the Fermata that serves at upgrade.socket, with its\n" +
			"sockets and clients. If nobody does, it starts as usual.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLog(cmd.ErrOrStderr(), func(log *console.Queue) error { return serve(cmd.Context(), file, takeOver, log) })
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "take the place of the Fermata that serves")
	return cmd
}

// serve tells its error also to whoever has started it for an upgrade.
func serve(ctx context.Context, file string, takeOver bool, log *console.Queue) error {
	failure := failureFile()
	defer failure.Close()
	err := serveFile(ctx, file, takeOver, log)
	if err != nil {
		report(failure, err)
	}
	return err
}

func serveFile(ctx context.Context, file string, takeOver bool, log *console.Queue) error {
	a, err := app.New(func() (*config.Config, error) { return config.Load(file) }, log)
	if err != nil {
		return err
	}
	a.Version = versionText()
	a.TakeOver, a.Predecessor, a.Program = takeOver, os.Getenv(app.Predecessor), thisProgram()
	if a.Manager, err = systemd.FromEnvironment(); err != nil {
		return err
	}
	if a.Sockets, err = systemd.SocketsFromEnvironment(); err != nil {
		return err
	}
	if err := a.Listen(); err != nil {
		return err
	}
	defer reloadOnHangup(ctx, a)()
	return a.Run(ctx)
}

// configFlag adds -c, which is where every command that reads a configuration
// gets it from.
func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", "the configuration `FILE`")
	cmd.MarkFlagRequired("config")
	cmd.MarkFlagFilename("config", "yaml", "yml")
}

// reloadOnHangup reloads upon each SIGHUP, until the function that it returns
// is called. What a reload has to say is in the log.
func reloadOnHangup(ctx context.Context, a *app.App) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hangup:
				a.Reload()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangup)
		cancel()
		<-done
	}
}
