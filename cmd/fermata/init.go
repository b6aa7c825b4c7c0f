package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fermata/internal/acme"
	"fermata/internal/dotenv"
	"fermata/internal/firstconfig"
)

// initOptions are the flags of init.
type initOptions struct {
	firstconfig.Answers
	file, env string
	force     bool
	laravel   map[string]string // what the .env says; nil: there is none
}

func newInitCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration, from questions, flags or a Laravel .env",
		Long: "Writes a short configuration that passes check. On a terminal it asks what no flag says.\n" +
			"With --domain Let's Encrypt issues the certificates, and by that you accept its terms: a listener for wss:// at port 443,\n" +
			"one at port 80, and the domains must lead to this machine.\n" +
			"From a Laravel .env it takes REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, the node's REVERB_SERVER_HOST,\n" +
			"REVERB_SERVER_PORT and REVERB_SERVER_PATH, and where clients connect: REVERB_PORT.\n" +
			"REVERB_HOST is the domain that it offers when it asks; without a terminal only --domain makes it order certificates.\n" +
			"The file has the app's secret, so only its owner and group can read it.",
		Example: "  fermata init -c /etc/fermata/fermata.yaml --env /var/www/app/.env\n" +
			"  fermata init --domain ws.example.com --acme-email ops@example.com --node http://10.0.1.10:8080\n" +
			"  fermata init --listen :443 --cert ws.pem --key ws.key --node http://10.0.1.10:8080 --node http://10.0.1.11:8080",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return writeFirst(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "config", "c", "fermata.yaml", "the configuration `FILE` to write")
	f.StringVar(&o.env, "env", "", "the `FILE` .env of a Laravel application")
	f.StringVar(&o.Listen, "listen", "", "the `ADDRESS` where clients come in (default: :443 with --domain or --cert, else :80)")
	f.StringArrayVar(&o.Domains, "domain", nil, "the `NAME` at which clients connect, for a certificate from Let's Encrypt; several times for several names")
	f.StringVar(&o.Email, "acme-email", "", "the `ADDRESS` to which Let's Encrypt may write")
	f.StringVar(&o.Cert, "cert", "", "the certificate, a PEM `FILE`")
	f.StringVar(&o.Key, "key", "", "its key, a PEM `FILE`")
	f.StringArrayVar(&o.Nodes, "node", nil, "the `URL` of a node; several times for several nodes")
	f.BoolVar(&o.force, "force", false, "overwrite a file that has a configuration")
	return cmd
}

func writeFirst(cmd *cobra.Command, o initOptions) error {
	if err := errors.Join(refuseOverwrite(o), o.checkFlags()); err != nil {
		return &exitError{exitUsage, err}
	}
	if err := o.takeEnv(); err != nil {
		return &exitError{exitUsage, err}
	}
	if terminal, _ := terminals(cmd.InOrStdin(), cmd.OutOrStdout()); terminal != nil {
		if err := ask(terminal, cmd.OutOrStdout(), &o); err != nil {
			return err
		}
	}
	o.fill()
	if err := o.checkWhole(); err != nil {
		return &exitError{exitUsage, err}
	}
	text, err := o.Text(o.file)
	if err != nil {
		return err
	}
	if err := writePrivate(o.file, text); err != nil {
		return err
	}
	for _, note := range o.notes() {
		fmt.Fprintln(cmd.ErrOrStderr(), "fermata:", note)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is written. Next:\n\n  fermata check -c %[1]s\n  %s\n", o.file, startOf(o.file))
	return nil
}

// checkFlags looks for what contradicts itself, and what a CA would refuse.
func (o *initOptions) checkFlags() error {
	var all []error
	if len(o.Domains) > 0 && (o.Cert != "" || o.Key != "") {
		all = append(all, errors.New("got --domain and a certificate, want --domain, or --cert and --key"))
	}
	for _, domain := range o.Domains {
		if err := acme.CheckPublicDomain(domain); err != nil {
			all = append(all, fmt.Errorf("--domain: %w", err))
		}
	}
	if o.Email != "" {
		if err := acme.CheckEmail(o.Email); err != nil {
			all = append(all, fmt.Errorf("--acme-email: %w", err))
		}
	}
	return errors.Join(all...)
}

// checkWhole looks for what neither flags, nor the .env, nor answers have said.
func (o *initOptions) checkWhole() error {
	if len(o.Nodes) == 0 {
		return errors.New("got no nodes, want --node or --env")
	}
	if o.Email != "" && len(o.Domains) == 0 {
		return errors.New("got --acme-email without --domain, want both")
	}
	return nil
}

// refuseOverwrite keeps a configuration that is there. A file of comments, as the
// packages install one, is none.
func refuseOverwrite(o initOptions) error {
	text, err := os.ReadFile(o.file)
	if errors.Is(err, os.ErrNotExist) || o.force {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return fmt.Errorf("%s: there is a configuration already: --force overwrites it", o.file)
		}
	}
	return nil
}

// takeEnv takes from the .env what no flag says.
func (o *initOptions) takeEnv() error {
	if o.env == "" {
		return nil
	}
	text, err := os.ReadFile(o.env)
	if err != nil {
		return err
	}
	if o.laravel, err = dotenv.Parse(string(text), os.LookupEnv); err != nil {
		return fmt.Errorf("%s: %w", o.env, err)
	}
	flags := o.Answers
	o.Answers = firstconfig.FromEnv(o.laravel)
	o.Cert, o.Key, o.Domains, o.Email = flags.Cert, flags.Key, flags.Domains, flags.Email
	if flags.Listen != "" || o.hasTLS() {
		o.Listen = flags.Listen
	}
	if len(flags.Nodes) > 0 {
		o.Nodes = flags.Nodes
	}
	return nil
}

func (o *initOptions) hasTLS() bool { return o.Cert != "" || len(o.Domains) > 0 }

// fill says what nobody has said.
func (o *initOptions) fill() {
	switch {
	case o.Listen != "":
	case o.hasTLS():
		o.Listen = firstconfig.SecureListen(o.laravel)
	default:
		o.Listen = ":80"
	}
}

// notes are for people: what is missing, and what they have to do themselves.
func (o *initOptions) notes() (all []string) {
	if o.laravel != nil {
		all = firstconfig.Missing(o.laravel)
		if o.laravel["REVERB_SCHEME"] == "https" && !o.hasTLS() {
			all = append(all, "REVERB_SCHEME is https: give --domain for a certificate from Let's Encrypt, or --cert and --key, or have what is in front of Fermata end TLS")
		}
		if len(o.Nodes) > 1 && !strings.EqualFold(o.laravel["REVERB_SCALING_ENABLED"], "true") {
			all = append(all, "several nodes need REVERB_SCALING_ENABLED=true and one Redis: otherwise an event reaches the clients of one node only")
		}
	}
	if len(o.Domains) > 0 {
		all = append(all, strings.Join(o.Domains, ", ")+": the DNS must lead to this machine, and port 80 or 443 must be open to the whole Internet, or Let's Encrypt issues no certificate; fermata status shows it")
	}
	return all
}

// writePrivate writes a file that its owner alone can read. One that is there keeps
// its group, and what that may read.
func writePrivate(name string, text []byte) error {
	mode := os.FileMode(0o600)
	if before, err := os.Stat(name); err == nil {
		mode = before.Mode().Perm() & 0o640
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(file.Chmod(mode), file.Truncate(0))
	if err == nil {
		_, err = file.Write(text)
	}
	return errors.Join(err, file.Close())
}

// startOf is the command that starts Fermata with this file.
func startOf(file string) string {
	if path, err := filepath.Abs(file); err == nil && path == "/etc/fermata/fermata.yaml" {
		return "systemctl enable --now fermata"
	}
	return "fermata serve -c " + file
}
