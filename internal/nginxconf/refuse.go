package nginxconf

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// placed is an error that begins with FILE:LINE already.
type placed struct{ text string }

func (e *placed) Error() string { return e.text }

// refuse makes an error about a directive.
func refuse(d syntax.Directive, format string, args ...any) error {
	return &placed{fmt.Sprintf("%s:%d: %s: %s", d.File, d.Line, label(d), fmt.Sprintf(format, args...))}
}

// inFile puts the file in front of an error that names none.
func inFile(file string, err error) error {
	if _, done := err.(*placed); done {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// nothingFound says of every place that could have had an address why it has
// none.
func nothingFound(main []syntax.Directive, servers []*scope, routes []route) error {
	var all []string
	for _, r := range routes {
		all = append(all, refuse(r.pass.Directive,
			"got a variable that has not one value for all requests, want an address or the name of an upstream").Error())
	}
	for _, server := range servers {
		if len(all) == 0 && server.outer != nil {
			all = append(all, refuse(titled(server), "got no proxy_pass in it, want one to the nodes").Error())
		}
	}
	for _, d := range named(main, "stream") {
		all = append(all, refuse(d, "is not read, want a proxy_pass in http").Error())
	}
	for _, include := range everyInclude(main) {
		all = append(all, refuse(include, "found no file").Error())
	}
	if len(all) == 0 {
		return errors.New("got no server, no location and no upstream of http, want a proxy_pass to the nodes")
	}
	return &placed{strings.Join(all, "\n")}
}

// lookElsewhere is for an upstream's name that nothing in the file explains. It
// looks it up in nginx.conf, and refuses to guess where an include that could
// have had it found no file.
func lookElsewhere(s *site, main []syntax.Directive, file, prefix string) error {
	if !s.upstream.assumed {
		return nil
	}
	if s.fragment && s.lookUp(filepath.Join(prefix, "nginx.conf"), file, prefix) {
		return nil
	}
	missing := missingIncludes(main)
	if len(missing) == 0 {
		return nil
	}
	name := visible(s.upstream.name)
	text := refuse(s.routes[0].pass.Directive, "got no upstream %s, which may be in a file that an include did not find:", name).Error()
	for _, include := range missing {
		text += fmt.Sprintf("\n  %s (%s:%d)", label(include), include.File, include.Line)
	}
	return &placed{fmt.Sprintf("%s\nwant nginx's folder (it is %s here; --prefix names another), or, if %s is a host, its port: http://%s:80",
		text, visible(prefix), name, name)}
}

// lookUp takes the upstream of nginx.conf, of which the file is a part.
func (s *site) lookUp(nginxConf, file, prefix string) bool {
	main, err := syntax.Read(nginxConf, prefix)
	if err != nil || filepath.Clean(file) == nginxConf {
		return false
	}
	_, upstreams := contexts(main)
	i := slices.IndexFunc(upstreams, func(u upstream) bool { return strings.EqualFold(u.name, s.upstream.name) })
	if i >= 0 {
		s.upstream = upstreams[i]
		s.elsewhere = true
	}
	return i >= 0
}
