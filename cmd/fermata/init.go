package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"fermata/internal/dotenv"
	"fermata/internal/firstconfig"
)

// initOptions are the flags of init.
type initOptions struct {
	firstconfig.Answers
	file, env string
	force     bool
}

func newInitCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration, from questions, flags or a Laravel .env",
		Long: "Writes a short configuration that passes check. On a terminal it asks what no flag says.\n" +
			"From a Laravel .env it takes REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, the node's REVERB_SERVER_HOST,\n" +
			"REVERB_SERVER_PORT and REVERB_SERVER_PATH, and where clients connect: REVERB_PORT, if REVERB_SCHEME is http.\n" +
			"The file has the app's secret, so only its owner and group can read it.",
		Example: "  fermata init -c /etc/fermata/fermata.yaml --env /var/www/app/.env\n" +
			"  fermata init --listen :443 --cert ws.pem --key ws.key --node http://10.0.1.10:8080 --node http://10.0.1.11:8080",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return writeFirst(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "config", "c", "fermata.yaml", "the configuration `FILE` to write")
	f.StringVar(&o.env, "env", "", "the `FILE` .env of a Laravel application")
	f.StringVar(&o.Listen, "listen", "", "the `ADDRESS` where clients come in (default: :443 with --cert, else :80)")
	f.StringVar(&o.Cert, "cert", "", "the certificate, a PEM `FILE`")
	f.StringVar(&o.Key, "key", "", "its key, a PEM `FILE`")
	f.StringArrayVar(&o.Nodes, "node", nil, "the `URL` of a node; several times for several nodes")
	f.BoolVar(&o.force, "force", false, "overwrite a file that has a configuration")
	return cmd
}

func writeFirst(cmd *cobra.Command, o initOptions) error {
	if err := refuseOverwrite(o); err != nil {
		return &exitError{exitUsage, err}
	}
	notes, err := o.takeEnv()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if terminal, _ := terminals(cmd.InOrStdin(), cmd.OutOrStdout()); terminal != nil {
		if err := ask(terminal, cmd.OutOrStdout(), &o); err != nil {
			return err
		}
	}
	o.fill()
	if len(o.Nodes) == 0 {
		return &exitError{exitUsage, errors.New("got no nodes, want --node or --env")}
	}
	text, err := o.Text(o.file)
	if err != nil {
		return err
	}
	if err := writePrivate(o.file, text); err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "fermata:", note)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is written. Next:\n\n  fermata check -c %[1]s\n  %s\n", o.file, startOf(o.file))
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
func (o *initOptions) takeEnv() (notes []string, err error) {
	if o.env == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.env)
	if err != nil {
		return nil, err
	}
	env, err := dotenv.Parse(string(text), os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.env, err)
	}
	flags := o.Answers
	o.Answers, notes = firstconfig.FromEnv(env)
	o.Cert, o.Key = flags.Cert, flags.Key
	if flags.Listen != "" {
		o.Listen = flags.Listen
	}
	if len(flags.Nodes) > 0 {
		o.Nodes = flags.Nodes
	}
	if env["REVERB_SCHEME"] == "https" && o.Cert == "" {
		notes = append(notes, "REVERB_SCHEME is https: give --cert and --key, or have what is in front of Fermata end TLS")
	}
	if len(o.Nodes) > 1 && !strings.EqualFold(env["REVERB_SCALING_ENABLED"], "true") {
		notes = append(notes, "several nodes need REVERB_SCALING_ENABLED=true and one Redis: otherwise an event reaches the clients of one node only")
	}
	return notes, nil
}

// fill says what nobody has said.
func (o *initOptions) fill() {
	switch {
	case o.Listen != "":
	case o.Cert != "":
		o.Listen = ":443"
	default:
		o.Listen = ":80"
	}
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

// ask asks on a terminal for what is not said yet. An empty answer takes what is in
// brackets.
func ask(terminal *os.File, out io.Writer, o *initOptions) error {
	q := questions{bufio.NewReader(terminal), terminal, out}
	var err error
	if o.Cert == "" && o.Listen == "" {
		o.Cert, err = q.ask("Certificate for wss://, a PEM file, or nothing", "")
		if err == nil && o.Cert != "" {
			o.Key, err = q.ask("Its key", "")
		}
	}
	o.fill()
	if err == nil {
		o.Listen, err = q.ask("Where clients come in", o.Listen)
	}
	if err == nil && (len(o.Nodes) == 0 || o.env != "") {
		err = q.nodes(o)
	}
	if err == nil && o.env == "" {
		err = q.app(o)
	}
	return err
}

type questions struct {
	in       *bufio.Reader
	terminal *os.File
	out      io.Writer
}

func (q questions) ask(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	fmt.Fprint(q.out, question+": ")
	line, err := q.in.ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return otherwise, err
	}
	return line, err
}

func (q questions) nodes(o *initOptions) error {
	otherwise := strings.Join(o.Nodes, " ")
	if otherwise == "" {
		otherwise = "http://127.0.0.1:8080"
	}
	all, err := q.ask("Reverb's nodes, their URLs with spaces between", otherwise)
	o.Nodes = strings.Fields(all)
	return err
}

func (q questions) app(o *initOptions) (err error) {
	if o.AppID, err = q.ask("REVERB_APP_ID, so that clients can be moved without being closed, or nothing", ""); err != nil || o.AppID == "" {
		return err
	}
	if o.AppKey, err = q.ask("REVERB_APP_KEY", ""); err != nil {
		return err
	}
	fmt.Fprint(q.out, "REVERB_APP_SECRET (not shown): ")
	secret, err := term.ReadPassword(int(q.terminal.Fd()))
	fmt.Fprintln(q.out)
	o.AppSecret = string(secret)
	return err
}
