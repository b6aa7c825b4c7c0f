package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newManCommand is for who makes a package: the page has the texts of the help.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Write the manual page, fermata(1)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), manual(cmd.Root()))
			return err
		},
	}
}

const manualEnd = `.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
it failed
.TP
.B 2
a usage or configuration mistake
.TP
.B 3
not finished in time
.TP
.B 4
refused: it would leave no usable node
.TP
.B 5
the admin endpoint cannot be reached
.SH ENVIRONMENT
.TP
.B FERMATA_ADMIN
the value of \-\-admin, where it is not given
.TP
.B FERMATA_ADMIN_CA
the value of \-\-admin\-ca, where it is not given
.TP
.B FERMATA_ADMIN_TOKEN
the value of \-\-token, where it is not given
.SH FILES
.TP
.I /etc/fermata/fermata.yaml
the configuration
.TP
.I /etc/fermata/environment
variables for ${NAME} in the configuration
.TP
.I /run/fermata/admin.sock
the admin endpoint
.SH SIGNALS
.TP
.B SIGTERM, SIGINT
send all clients away and stop; a second one stops at once
.TP
.B SIGHUP
reload the configuration; a wrong one changes nothing
`

// manual is the manual page of a program, in the language of man(7).
func manual(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH FERMATA 1\n.SH NAME\nfermata \\- %s\n", roff(root.Short))
	b.WriteString(".SH SYNOPSIS\n.B fermata\n.I COMMAND\n[\\fIOPTION\\fR...]\n.SH COMMANDS\n")
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			manualCommand(&b, cmd)
		}
	}
	b.WriteString(manualEnd)
	return b.String()
}

func manualCommand(b *strings.Builder, cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, ".SS %s\n%s\n", roff(cmd.UseLine()), roff(text))
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			manualFlag(b, f)
		}
	})
	if cmd.Example != "" {
		fmt.Fprintf(b, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
}

func manualFlag(b *strings.Builder, f *pflag.Flag) {
	value, usage := pflag.UnquoteUsage(f)
	fmt.Fprint(b, ".TP\n.B ")
	if f.Shorthand != "" {
		fmt.Fprintf(b, "\\-%s, ", f.Shorthand)
	}
	fmt.Fprintf(b, "\\-\\-%s", roff(f.Name))
	if value != "" {
		fmt.Fprintf(b, " %s", roff(value))
	}
	fmt.Fprintf(b, "\n%s\n", roff(usage))
}

// roff is a text as roff prints it: hyphens as they are typed, and no line that
// would be a request.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
