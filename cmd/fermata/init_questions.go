package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"fermata/internal/acme"
	"fermata/internal/firstconfig"
)

// ask asks on a terminal for what is not said yet. An empty answer takes what is in
// brackets.
func ask(terminal *os.File, out io.Writer, o *initOptions) error {
	q := questions{bufio.NewReader(terminal), terminal, out}
	var err error
	if !o.hasTLS() && o.Listen == "" {
		err = q.tls(o)
	}
	if err == nil && o.Email == "" && len(o.Domains) > 0 {
		o.Email, err = q.valid("Address to which Let's Encrypt may write, or nothing", "", acme.CheckEmail)
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

// valid asks until check has no error, or nothing is answered.
func (q questions) valid(question, otherwise string, check func(string) error) (string, error) {
	for {
		answer, err := q.ask(question, otherwise)
		if err != nil || answer == "" {
			return answer, err
		}
		mistake := check(answer)
		if mistake == nil {
			return answer, nil
		}
		fmt.Fprintln(q.out, mistake)
	}
}

// tls asks for whom certificates are to be issued, or else for one that there is.
func (q questions) tls(o *initOptions) error {
	offer, none := firstconfig.DomainOf(o.laravel), "nothing"
	if offer != "" {
		none = "- for none"
	}
	names, err := q.valid("Domains for wss://, for which Let's Encrypt issues certificates (you accept its terms), or "+none, offer, checkDomains)
	if o.Domains = domainsIn(names); err != nil || len(o.Domains) > 0 {
		return err
	}
	if o.Cert, err = q.ask("Certificate for wss://, a PEM file, or nothing", ""); err == nil && o.Cert != "" {
		o.Key, err = q.ask("Its key", "")
	}
	return err
}

func domainsIn(answer string) []string {
	if answer == "-" {
		return nil
	}
	return strings.Fields(strings.ToLower(answer))
}

func checkDomains(answer string) error {
	for _, name := range domainsIn(answer) {
		if err := acme.CheckPublicDomain(name); err != nil {
			return err
		}
	}
	return nil
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
