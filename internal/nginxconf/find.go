package nginxconf

import (
	"fmt"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// scope is a block and what it is in, from which nginx inherits.
type scope struct {
	directive syntax.Directive // whose block it is
	block     []syntax.Directive
	outer     *scope // nil for the whole file
}

func (s *scope) in(d syntax.Directive) *scope {
	return &scope{directive: d, block: d.Block, outer: s}
}

// all are the directives of that name in the innermost block that has any:
// nginx inherits them only where there are none.
func (s *scope) all(names ...string) []syntax.Directive {
	for ; s != nil; s = s.outer {
		if found := named(s.block, names...); len(found) > 0 {
			return found
		}
	}
	return nil
}

func named(block []syntax.Directive, names ...string) []syntax.Directive {
	var found []syntax.Directive
	for _, d := range block {
		if slices.Contains(names, d.Name) {
			found = append(found, d)
		}
	}
	return found
}

// arg is an argument of a directive, or empty where it has none.
func arg(d syntax.Directive, i int) string {
	if i < 0 || i >= len(d.Args) {
		return ""
	}
	return d.Args[i]
}

// upstream is an upstream block, or what stands for one: the address in a
// proxy_pass.
type upstream struct {
	name      string
	directive syntax.Directive
	declared  bool
}

// route is a place from where nginx passes requests on.
type route struct {
	*scope
	server *scope
	pass   destination
}

// path is what the innermost location around the route says.
func (r route) path() string {
	for at := r.scope; at != nil; at = at.outer {
		if at.directive.Name == "location" {
			return arg(at.directive, len(at.directive.Args)-1)
		}
	}
	return "/"
}

// site is what is taken over of a configuration.
type site struct {
	upstream upstream
	routes   []route  // to the upstream
	servers  []*scope // those that have these routes
	others   []*scope // servers that have none
}

// find chooses the upstream by its name, or the only one when it is empty.
func find(main []syntax.Directive, name string) (*site, error) {
	servers, upstreams := contexts(main)
	var routes []route
	for _, server := range servers {
		routes = append(routes, routesOf(server, server)...)
	}
	upstreams = withImplicit(upstreams, routes)
	chosen, err := choose(upstreams, routes, name)
	if err != nil {
		return nil, err
	}
	s := &site{upstream: chosen}
	for _, r := range routes {
		if r.pass.isTo(chosen) {
			s.routes = append(s.routes, r)
		}
	}
	s.servers, s.others = split(servers, s.routes)
	return s, nil
}

// contexts are the servers and the upstreams, of http and, for a file that is
// only included there, of the file itself.
func contexts(main []syntax.Directive) (servers []*scope, upstreams []upstream) {
	file := &scope{block: main}
	https := []*scope{file}
	for _, d := range named(main, "http") {
		https = append(https, file.in(d))
	}
	for _, http := range https {
		for _, d := range http.block {
			switch {
			case d.Block == nil:
			case d.Name == "server":
				servers = append(servers, http.in(d))
			case d.Name == "upstream":
				upstreams = append(upstreams, upstream{arg(d, 0), d, true})
			}
		}
	}
	return servers, upstreams
}

// routesOf finds every proxy_pass in a server, however deep.
func routesOf(server, at *scope) (routes []route) {
	for _, d := range at.block {
		switch {
		case d.Name == "proxy_pass" && len(d.Args) > 0:
			routes = append(routes, route{at, server, parseDestination(d)})
		case d.Block != nil:
			routes = append(routes, routesOf(server, at.in(d))...)
		}
	}
	return routes
}

// withImplicit adds an upstream for each address in a proxy_pass that names
// none of those that there are.
func withImplicit(upstreams []upstream, routes []route) []upstream {
	for _, r := range routes {
		known := slices.ContainsFunc(upstreams, r.pass.isTo)
		if known || r.pass.host == "" || strings.Contains(r.pass.host, "$") {
			continue
		}
		server := syntax.Directive{Name: "server", Args: []string{r.pass.host}, File: r.pass.File, Line: r.pass.Line}
		block := r.pass.Directive
		block.Name, block.Args, block.Block = "upstream", []string{r.pass.host}, []syntax.Directive{server}
		upstreams = append(upstreams, upstream{r.pass.host, block, false})
	}
	return upstreams
}

func choose(all []upstream, routes []route, name string) (upstream, error) {
	candidates := used(all, routes)
	if name != "" {
		for _, u := range all {
			if strings.EqualFold(u.name, name) {
				return u, nil
			}
		}
		return upstream{}, fmt.Errorf("got no upstream %s%s", visible(name), list(all))
	}
	switch len(candidates) {
	case 0:
		return upstream{}, fmt.Errorf("got no upstream, and no proxy_pass to an address, want one")
	case 1:
		return candidates[0], nil
	}
	return upstream{}, fmt.Errorf("got several upstreams, choose one with --upstream%s", list(candidates))
}

// used are the upstreams that a proxy_pass names, or all of them when none
// does.
func used(all []upstream, routes []route) []upstream {
	var named []upstream
	for _, u := range all {
		if slices.ContainsFunc(routes, func(r route) bool { return r.pass.isTo(u) }) {
			named = append(named, u)
		}
	}
	if len(named) == 0 {
		return all
	}
	return named
}

func list(upstreams []upstream) string {
	var b strings.Builder
	for _, u := range upstreams {
		fmt.Fprintf(&b, "\n  %s (%s:%d)", visible(u.name), u.directive.File, u.directive.Line)
	}
	if b.Len() == 0 {
		return ""
	}
	return ":" + b.String()
}

// split tells the servers that have a route from the others.
func split(servers []*scope, routes []route) (with, without []*scope) {
	for _, server := range servers {
		if slices.ContainsFunc(routes, func(r route) bool { return r.server == server }) {
			with = append(with, server)
		} else {
			without = append(without, server)
		}
	}
	return with, without
}

func inFile(file string, err error) error { return fmt.Errorf("%s: %w", file, err) }
