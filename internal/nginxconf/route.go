package nginxconf

import (
	"regexp"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// route is a place from where nginx passes requests on.
type route struct {
	*scope
	server *scope
	pass   destination
}

// routesOf finds every proxy_pass in a server, however deep.
func routesOf(server, at *scope) (routes []route) {
	for _, d := range at.block {
		switch {
		case d.Name == "proxy_pass" && len(d.Args) > 0:
			routes = append(routes, route{at, server, parseDestination(at, d)})
		case d.Name == "location", d.Name == "if", d.Name == "limit_except":
			routes = append(routes, routesOf(server, at.in(d))...)
		}
	}
	return routes
}

// location is the innermost one around the route; nil: there is none.
func (r route) location() *scope {
	for at := r.scope; at != nil; at = at.outer {
		if at.directive.Name == "location" {
			return at
		}
	}
	return nil
}

// path is what the location says, and whether it is a regular expression.
func (r route) path() (path string, isPattern bool) {
	at := r.location()
	if at == nil {
		return "/", false
	}
	args := at.directive.Args
	return arg(at.directive, len(args)-1), len(args) > 1 && strings.HasPrefix(args[0], "~")
}

// rewrites are the directives that change the path before it is passed on.
func (r route) rewrites() (all []syntax.Directive) {
	for at := r.scope; at != nil; at = at.outer {
		for _, d := range named(at.block, "rewrite") {
			if to := arg(d, 1); arg(d, 2) != "redirect" && arg(d, 2) != "permanent" && !strings.Contains(to, "://") {
				all = append(all, d)
			}
		}
	}
	return all
}

// changesPath tells whether a node gets another path than the client sends.
func (r route) changesPath() bool {
	path, _ := r.path()
	return r.pass.uri != "" && r.pass.uri != path || len(r.rewrites()) > 0
}

// prefix is the path before Reverb's own, such as /ws in /ws/app/KEY, as a node
// gets it.
func (r route) prefix() (prefix string, known bool) {
	path, isPattern := r.path()
	rewrites := r.rewrites()
	switch {
	case len(rewrites) > 0:
		return "", len(rewrites) == 1 && takesPrefixOff.MatchString(arg(rewrites[0], 0)) && arg(rewrites[0], 1) == "/$1"
	case r.pass.uri != "":
		path, isPattern = r.pass.uri, false
	}
	if isPattern {
		return beforePattern(strings.ReplaceAll(path, `\/`, "/"))
	}
	return beforeReverb(path)
}

var (
	takesPrefixOff  = regexp.MustCompile(`^\^/?[A-Za-z0-9._~/-]+\(\.[*+]\)\$?$`)
	patternOfReverb = regexp.MustCompile(`^\^((?:/[A-Za-z0-9_~-]+)*?)/(?:\((?:\?:)?)?(?:apps?|up)\b`)
	patternOfPrefix = regexp.MustCompile(`^\^((?:/[A-Za-z0-9_~-]+)+)(?:/|/?\(?/?\.\*\)?\??\$?|\(/\|\$\)|\$)?$`)
	literalPath     = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)
)

// beforePattern is beforeReverb of a regular expression, where it says that.
func beforePattern(path string) (prefix string, known bool) {
	for _, pattern := range []*regexp.Regexp{patternOfReverb, patternOfPrefix} {
		if match := pattern.FindStringSubmatch(path); match != nil {
			return match[1], true
		}
	}
	return "", false
}

// beforeReverb cuts a path before the first segment that is Reverb's.
func beforeReverb(path string) (prefix string, known bool) {
	segments := strings.Split(strings.TrimRight(path, "/"), "/")
	own := slices.IndexFunc(segments, func(s string) bool { return s == "app" || s == "apps" || s == "up" })
	if own >= 0 {
		segments = segments[:own]
	}
	prefix = strings.Join(segments, "/")
	return prefix, literalPath.MatchString(prefix)
}
