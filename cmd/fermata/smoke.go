package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fermata/internal/console"
	"fermata/internal/secret"
	"fermata/internal/smoke"
)

// smokeFlags are the options as they come from the command line, and where the
// report goes. The three of the app may come from the environment instead,
// which is read only when used, so that no help text shows the secret.
type smokeFlags struct {
	options smoke.Options
	secret  string
	ca      string
	json    bool
	junit   string
}

func newSmokeCommand() *cobra.Command {
	var f smokeFlags
	cmd := &cobra.Command{
		Use:   "smoke URL...",
		Short: "Test a running stack from outside, for CI",
		Long: "Test a running stack from outside, as its clients see it, case by case. Ends with 1 when a promise is broken.\n" +
			"Where Reverb has REVERB_SERVER_PATH=/ws, the URL has it too: wss://ws.example.com/ws.\n" +
			"With the app's id and secret it also publishes an event, which must arrive at clients on every node.",
		Example: "  FERMATA_SMOKE_KEY=… FERMATA_SMOKE_APP_ID=… FERMATA_SMOKE_SECRET=… \\\n" +
			"    fermata smoke wss://ws.example.com --nodes 3 --junit smoke.xml",
		Args:              wantURLs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, urls []string) error {
			if err := f.complete(urls); err != nil {
				return &exitError{exitUsage, err}
			}
			return f.run(cmd)
		},
	}
	f.register(cmd)
	return cmd
}

// wantURLs is part of reading the command line, so that the test of the
// documentation's command lines sees it too.
func wantURLs(_ *cobra.Command, urls []string) error {
	if err := smoke.CheckURLs(urls); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

func (f *smokeFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.options.Key, "key", "", "the app's `KEY` (env FERMATA_SMOKE_KEY)")
	flags.StringVar(&f.options.AppID, "app-id", "", "the app's `ID` (env FERMATA_SMOKE_APP_ID)")
	flags.StringVar(&f.secret, "secret", "", "the app's `SECRET`; others on this machine see what is given here, so better env FERMATA_SMOKE_SECRET")
	flags.StringVar(&f.options.Origin, "origin", "", "`ORIGIN` that the clients send, for an app with allowed_origins, such as https://app.example.com")
	flags.StringVar(&f.options.Cookie, "cookie", "fermata", "`NAME` of the pin's cookie")
	flags.BoolVar(&f.options.ExpectCookie, "expect-cookie", false, "fail when the stack sets no such cookie")
	flags.IntVar(&f.options.Reconnects, "reconnects", 3, "how often the pin is tried")
	flags.IntVar(&f.options.Nodes, "nodes", 0, "how many nodes the event must reach; 0: as many as are found")
	flags.StringVar(&f.ca, "ca", "", "PEM `FILE` with the authority that signed the certificate; default: those of the system")
	flags.BoolVar(&f.options.Insecure, "insecure", false, "accept any certificate")
	flags.DurationVar(&f.options.MinValid, "min-valid", 7*24*time.Hour, "how long the certificate must still be valid")
	flags.DurationVar(&f.options.Timeout, "timeout", 20*time.Second, "bounds each case")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.junit, "junit", "", "write a JUnit report to `FILE`, too")
}

// complete adds what does not come from flags.
func (f *smokeFlags) complete(urls []string) error {
	o := &f.options
	o.URLs = urls
	o.Key = firstOf(o.Key, os.Getenv("FERMATA_SMOKE_KEY"))
	o.AppID = firstOf(o.AppID, os.Getenv("FERMATA_SMOKE_APP_ID"))
	o.Secret = secret.Text(firstOf(f.secret, os.Getenv("FERMATA_SMOKE_SECRET")))
	if f.ca == "" {
		return nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return err
	}
	o.Roots = x509.NewCertPool()
	if !o.Roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: got no certificate, want PEM", f.ca)
	}
	return nil
}

func (f *smokeFlags) run(cmd *cobra.Command) error {
	report, err := smoke.Run(cmd.Context(), f.options)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := f.write(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	if !report.OK() {
		return errors.New("a promise is broken: " + strings.Join(brokenCases(report), ", "))
	}
	return nil
}

func (f *smokeFlags) write(out io.Writer, report smoke.Report) error {
	if f.json {
		return errors.Join(report.WriteJSON(out), f.writeJUnit(report))
	}
	return errors.Join(report.WriteText(out, console.Painter(out)), f.writeJUnit(report))
}

func (f *smokeFlags) writeJUnit(report smoke.Report) error {
	if f.junit == "" {
		return nil
	}
	file, err := os.Create(f.junit)
	if err != nil {
		return err
	}
	return errors.Join(report.WriteJUnit(file), file.Close())
}

func brokenCases(report smoke.Report) []string {
	var names []string
	for _, u := range report.URLs {
		for _, c := range u.Cases {
			if c.Result == smoke.Fail {
				names = append(names, c.Name+" at "+u.URL)
			}
		}
	}
	return names
}
