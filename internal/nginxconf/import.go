// Package nginxconf makes Fermata's configuration of nginx's: of one upstream,
// and of the servers that pass requests on to it.
package nginxconf

import (
	"cmp"
	"path/filepath"

	"fermata/internal/nginxconf/syntax"
)

// Options say what of a configuration is taken over.
type Options struct {
	// Upstream is its name; empty: the only one that a proxy_pass names. For a
	// proxy_pass without an upstream it is HOST:PORT.
	Upstream string
	// Prefix is the folder to which nginx's relative paths are relative;
	// empty: that of the file.
	Prefix string
}

// Import reads nginx's configuration with all that it includes, and returns
// the text of Fermata's, with a comment for everything that it did not take
// over. It does not look at the certificates. Its error begins with the file
// and, where there is one, the line.
func Import(file string, o Options) ([]byte, error) {
	prefix, err := filepath.Abs(cmp.Or(o.Prefix, filepath.Dir(file)))
	if err != nil {
		return nil, err
	}
	main, err := syntax.Read(file, prefix)
	if err != nil {
		return nil, err
	}
	return translate(main, file, prefix, o.Upstream)
}

// translate is Import without the reading.
func translate(main []syntax.Directive, file, prefix, upstream string) ([]byte, error) {
	s, err := find(main, upstream)
	if err != nil {
		return nil, inFile(file, err)
	}
	d := newDraft(prefix)
	d.listeners(s)
	if err := d.nodes(s); err != nil {
		return nil, inFile(file, err)
	}
	d.sticky(s)
	d.health(s)
	d.timeouts(s)
	d.limits(s)
	d.trustedProxies(s)
	d.rest(s, main)
	return d.text(filepath.Base(file), s.upstream.name), nil
}
