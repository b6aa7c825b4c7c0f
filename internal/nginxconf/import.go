// Package nginxconf makes Fermata's configuration of nginx's: of one upstream,
// and of the servers that pass requests on to it.
package nginxconf

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// Options say what of a configuration is taken over.
type Options struct {
	// Upstream is its name; empty: the only one that a proxy_pass names. For a
	// proxy_pass without an upstream it is HOST:PORT.
	Upstream string
	// Prefix is the folder to which nginx's relative paths are relative: that
	// of nginx.conf; empty: it is found from where the file is.
	Prefix string
	// Behind is the address, HOST:PORT, on which Fermata takes from nginx what
	// nginx passes on today; empty: 127.0.0.1 and a port that is free in the
	// configuration, where nginx has more to serve, and otherwise Fermata takes
	// nginx's ports.
	Behind string
	// Replace has Fermata take nginx's ports also where nginx has more to serve.
	Replace bool
}

// Result is a configuration of Fermata, and what its reader has to know.
type Result struct {
	// Text is the file, with a comment for everything that is not taken over.
	Text []byte
	// Notes are these comments, each on a line with file and line. What needs a
	// decision comes last.
	Notes []string
}

// Import reads nginx's configuration with all that it includes. It does not
// look at the certificates. Its error begins with the file and, where there is
// one, the line.
func Import(file string, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	prefix, err := filepath.Abs(cmp.Or(o.Prefix, folderOf(file)))
	if err != nil {
		return nil, err
	}
	main, err := syntax.Read(file, prefix)
	if err != nil {
		return nil, err
	}
	return translate(main, file, prefix, o)
}

func (o Options) check() error {
	_, why := listenAddress(o.Behind)
	switch {
	case o.Behind == "":
		return nil
	case o.Replace:
		return errors.New("got both behind and replace, want one of them")
	case why != "" || !strings.Contains(o.Behind, ":"):
		return fmt.Errorf("behind: got %q, want HOST:PORT", o.Behind)
	}
	return nil
}

// translate is Import without the reading.
func translate(main []syntax.Directive, file, prefix string, o Options) (*Result, error) {
	s, err := find(main, o.Upstream)
	if err != nil {
		return nil, inFile(file, err)
	}
	if err := lookElsewhere(s, main, file, prefix); err != nil {
		return nil, err
	}
	d, err := write(s, main, prefix, o)
	if err != nil {
		return nil, err
	}
	return &Result{d.text(filepath.Base(file), s.upstream.name), d.notes()}, nil
}

// write settles every directive of the file.
func write(s *site, main []syntax.Directive, prefix string, o Options) (*draft, error) {
	d := newDraft(prefix)
	d.chooseFront(s, o)
	d.assumed(s)
	d.includes(main)
	d.listeners(s)
	if err := d.nodes(s); err != nil {
		return nil, err
	}
	d.pathPrefix(s)
	d.sticky(s)
	d.health(s)
	d.timeouts(s)
	d.limits(s)
	d.trustedProxies(s)
	d.rest(s, main)
	return d, nil
}
