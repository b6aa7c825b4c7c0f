package nginxconf

import (
	"fmt"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// upstream is an upstream block, or what stands for one: the address in a
// proxy_pass.
type upstream struct {
	name      string
	directive syntax.Directive
	declared  bool
	assumed   bool // a name that is taken for a host, and may be an upstream of another file
}

// site is what is taken over of a configuration.
type site struct {
	upstream upstream
	routes   []route  // to the upstream
	servers  []*scope // those that have these routes
	others   []*scope // servers that have none
	snippet  bool     // the routes are in locations without a server around them
	fragment bool     // the file is only a part of what nginx reads
	// elsewhere is for an upstream that is not in what was read, but in nginx.conf.
	elsewhere bool
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
	switch {
	case err != nil:
		return nil, err
	case chosen.name == "":
		return nil, nothingFound(main, servers, routes)
	}
	s := &site{upstream: chosen, fragment: len(named(main, "http")) == 0}
	for _, r := range routes {
		if r.pass.isTo(chosen) {
			s.routes = append(s.routes, r)
			s.snippet = s.snippet || r.server.outer == nil
		}
	}
	s.servers, s.others = split(servers, s.routes)
	return s, nil
}

// contexts are the servers and the upstreams, of http and, for a file that is
// only included there, of the file itself. A file for the inside of a server
// stands for the server.
func contexts(main []syntax.Directive) (servers []*scope, upstreams []upstream) {
	file := &scope{block: main}
	https := []*scope{file}
	for _, d := range named(main, "http") {
		https = append(https, file.in(d))
	}
	if len(named(main, "location", "proxy_pass")) > 0 {
		servers = append(servers, file)
	}
	for _, http := range https {
		for _, d := range http.block {
			switch {
			case d.Block == nil:
			case d.Name == "server":
				servers = append(servers, http.in(d))
			case d.Name == "upstream":
				upstreams = append(upstreams, upstream{name: arg(d, 0), directive: d, declared: true})
			}
		}
	}
	return servers, upstreams
}

// withImplicit adds an upstream for each address in a proxy_pass that names
// none of those that there are.
func withImplicit(upstreams []upstream, routes []route) []upstream {
	for _, r := range routes {
		if r.pass.isKnown() && !slices.ContainsFunc(upstreams, r.pass.isTo) {
			upstreams = append(upstreams, implicit(r.pass))
		}
	}
	return upstreams
}

func implicit(pass destination) upstream {
	server := syntax.Directive{Name: "server", Args: []string{pass.address()}, File: pass.File, Line: pass.Line}
	block := syntax.Directive{
		Name: "upstream", Args: []string{pass.host}, Block: []syntax.Directive{server}, File: pass.File, Line: pass.Line,
	}
	return upstream{name: pass.host, directive: block, assumed: pass.mayBeUpstream()}
}

// choose returns an upstream without a name where there is none.
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
		return upstream{}, nil
	case 1:
		return candidates[0], nil
	}
	return upstream{}, fmt.Errorf("got several upstreams, choose one with --upstream%s", list(candidates))
}

// used are the upstreams that a proxy_pass names, or all of them when there is
// none that could.
func used(all []upstream, routes []route) []upstream {
	if len(routes) == 0 {
		return all
	}
	var named []upstream
	for _, u := range all {
		if slices.ContainsFunc(routes, func(r route) bool { return r.pass.isTo(u) }) {
			named = append(named, u)
		}
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
