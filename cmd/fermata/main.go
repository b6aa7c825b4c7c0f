// Fermata is a sticky WebSocket load balancer for Laravel Reverb.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"fermata/internal/admin"
	"fermata/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)

	understood := false
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		err := cmd.ValidateRequiredFlags() // which cobra does only after this
		understood = err == nil
		return err
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !errors.As(err, new(*reportedError)) {
		report(errOut, err)
	}
	if !understood {
		return exitUsage
	}
	return exitCode(err)
}

// report prints an error. The configuration's mistakes stand as they are, one
// a line, so that editors and CI find the places.
func report(w io.Writer, err error) {
	var mistakes config.Mistakes
	if errors.As(err, &mistakes) {
		fmt.Fprintln(w, mistakes)
		return
	}
	var api *admin.APIError
	if errors.As(err, &api) && api.Status == http.StatusUnauthorized {
		err = fmt.Errorf("%w (--token or FERMATA_ADMIN_TOKEN gives it)", err)
	}
	if errors.Is(err, admin.ErrAway) {
		err = fmt.Errorf("%w (with --local it is done on this member alone, and on the others once Redis is back)", err)
	}
	fmt.Fprintln(w, "fermata:", err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "fermata",
		Short:         "A sticky WebSocket load balancer for Laravel Reverb",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newServeCommand(), newDemoCommand(), newCheckCommand(), newReloadCommand(), newUpgradeCommand(),
		newStatusCommand(), newDrainCommand(), newUndrainCommand(), newRollCommand(), newRebalanceCommand(), newExplainCommand(), newInitCommand(), newImportCommand(),
		newSmokeCommand(), newManCommand(), newVersionCommand(),
	)
	return root
}
