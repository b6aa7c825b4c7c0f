package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestTheManualHasEveryCommandAndEveryFlag(t *testing.T) {
	got := fermata(t.Context(), "man")
	if got.code != exitDone {
		t.Fatalf("got exit %d, %s", got.code, got.err)
	}
	eachCommand(func(cmd *cobra.Command) {
		if !strings.Contains(got.out, "\n.SS "+roff(cmd.UseLine())+"\n") {
			t.Errorf("got no section %q", cmd.UseLine())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, usage := pflag.UnquoteUsage(f); !strings.Contains(got.out, `\-\-`+roff(f.Name)) || !strings.Contains(got.out, roff(usage)) {
				t.Errorf("%s: got no --%s", cmd.Name(), f.Name)
			}
		})
	})
}

func TestTheManualIsFormattedWithoutAWarning(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("SKIPPED: there is no groff to format the manual with; .ci/setup installs it")
	}
	format := exec.CommandContext(t.Context(), groff, "-Kutf8", "-man", "-Tutf8", "-ww", "-b")
	format.Stdin = strings.NewReader(fermata(t.Context(), "man").out)
	var warnings strings.Builder
	format.Stderr = &warnings
	text, err := format.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("got %v, %s", err, warnings.String())
	}
	if !strings.Contains(string(text), "the admin endpoint cannot be reached") {
		t.Errorf("got %s", text)
	}
}

func TestEachShellGetsItsCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := fermata(t.Context(), "completion", shell); got.code != exitDone || !strings.Contains(got.out, "fermata") {
			t.Errorf("%s: got exit %d, %s", shell, got.code, got.err)
		}
	}
}

// eachCommand calls f with every command that people are shown.
func eachCommand(f func(*cobra.Command)) {
	for _, cmd := range newRoot().Commands() {
		if cmd.IsAvailableCommand() {
			f(cmd)
		}
	}
}
