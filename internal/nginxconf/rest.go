package nginxconf

import (
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// rest notes everything that no other part has looked at.
func (d *draft) rest(s *site, main []syntax.Directive) {
	for _, directive := range s.upstream.directive.Block {
		d.explain(directive, "nodes")
	}
	for _, server := range s.servers {
		d.restOfServer(s, server)
	}
	for _, server := range s.others {
		d.otherServer(server)
	}
	d.restOfHTTP(s, main)
}

// restOfServer goes through a block that has routes, at any depth.
func (d *draft) restOfServer(s *site, at *scope) {
	for _, directive := range at.block {
		inside := hasRoute(s, directive)
		switch {
		case directive.Block == nil:
			d.explain(directive, other)
		case directive.Name != "location" && inside:
			d.note(other, directive, "Fermata has no conditions: it does always what stands in this block.")
		case directive.Name != "location":
			d.explain(directive, other)
		case !inside:
			d.note("listen", directive, "not passed to these nodes, but Fermata passes every path to them. %s", keepsPort)
		case !slices.Equal(directive.Args, []string{"/"}):
			d.note("listen", directive, "Fermata has no paths: it passes all of them to the nodes.")
		}
		if inside {
			d.restOfServer(s, at.in(directive))
		}
	}
}

func hasRoute(s *site, block syntax.Directive) bool {
	return slices.ContainsFunc(s.routes, func(r route) bool {
		for at := r.scope; at != nil; at = at.outer {
			if same(at.directive, block) {
				return true
			}
		}
		return false
	})
}

func same(a, b syntax.Directive) bool {
	return a.Block != nil && b.Block != nil && a.Name == b.Name && a.File == b.File && a.Line == b.Line && slices.Equal(a.Args, b.Args)
}

func (d *draft) otherServer(server *scope) {
	about := titled(server)
	if redirects(server.block) {
		d.note(other, about, "it only redirects, which Fermata does not; it can stay in nginx, on a port of its own.")
		return
	}
	d.note(other, about, "passes nothing to these nodes, and stays in nginx.")
}

// redirects tells whether a server answers 3xx and serves nothing.
func redirects(block []syntax.Directive) bool {
	for _, d := range block {
		if d.Name == "return" && strings.HasPrefix(arg(d, 0), "3") || d.Name == "location" && redirects(d.Block) {
			return true
		}
	}
	return false
}

func (d *draft) restOfHTTP(s *site, main []syntax.Directive) {
	for _, directive := range main {
		switch {
		case directive.Name == "http" && directive.Block != nil:
			d.restOfHTTP(s, directive.Block)
		case directive.Name == "upstream" && same(directive, s.upstream.directive):
		case directive.Name == "upstream":
			d.note(other, directive, "another upstream; fermata import --upstream NAME takes it over.")
		case directive.Name == "server" && directive.Block != nil:
		default:
			d.explain(directive, other)
		}
	}
}

// explain notes a directive with the reason that reasons has for it.
func (d *draft) explain(directive syntax.Directive, section string) {
	if isDone(directive) {
		return
	}
	if f, known := why(directive.Name); known {
		d.note(f.section, directive, "%s", f.why)
		return
	}
	d.note(section, directive, "Fermata has nothing for it.")
}
