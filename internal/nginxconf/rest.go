package nginxconf

import (
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// rest notes everything that no other part has settled.
func (d *draft) rest(s *site, main []syntax.Directive) {
	d.settle(s.upstream.directive)
	d.unsettled(s.upstream.directive.Block, d.leaveOfUpstream)
	d.settle(named(main, "http")...)
	for _, r := range s.routes {
		d.settle(r.pass.Directive)
		d.settleWhole(r.pass.from...)
	}
	for _, server := range s.servers {
		d.settle(server.directive)
		d.locations(s, server)
	}
	for _, server := range s.others {
		d.otherServer(server)
	}
	d.unsettled(main, d.leave)
}

// leaveOfUpstream notes a directive of the upstream.
func (d *draft) leaveOfUpstream(directive syntax.Directive) {
	if directive.Name == "keepalive_timeout" { // of connections that Reverb ends by itself
		d.note(harmless, directive, "nothing is lost: Fermata needs no such setting.")
		return
	}
	d.explain(directive, "nodes")
}

// locations goes through a block that has routes, at any depth.
func (d *draft) locations(s *site, at *scope) {
	for _, directive := range at.block {
		inside := hasRoute(s, directive)
		switch {
		case directive.Name != "location" && !inside:
		case d.front.behind && inside:
			d.settle(directive)
		case d.front.behind:
			d.leave(directive)
		case directive.Name != "location":
			d.note(other, directive, "Fermata has no conditions: it does always what stands in this block.")
		case !inside:
			d.note("listen", directive, "not passed to these nodes, but Fermata passes every path to them. %s", keepsPort)
			d.settleWhole(directive)
		case slices.Equal(directive.Args, []string{"/"}):
			d.settle(directive)
		default:
			d.note("listen", directive, "Fermata has no paths: it passes all of them to the nodes.")
		}
		if inside {
			d.locations(s, at.in(directive))
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

func same(a, b syntax.Directive) bool { return a.Block != nil && b.Block != nil && key(a) == key(b) }

func (d *draft) otherServer(server *scope) {
	about := titled(server)
	why := "passes nothing to these nodes, and stays in nginx."
	if redirects(server.block) && !d.front.behind {
		why = "it only redirects, which Fermata does not; it can stay in nginx, on a port of its own."
	}
	d.note(other, about, "%s", why)
	d.settleWhole(server.directive)
}

// redirects tells whether a server answers 3xx and serves nothing.
func redirects(block []syntax.Directive) bool {
	for _, d := range block {
		inside := d.Name == "location" || d.Name == "if"
		if d.Name == "return" && strings.HasPrefix(arg(d, 0), "3") || inside && redirects(d.Block) {
			return true
		}
	}
	return false
}

// leave notes a directive outside of the upstream, with all that is in it.
func (d *draft) leave(directive syntax.Directive) {
	d.settleWhole(directive)
	switch {
	case directive.Name == "upstream":
		d.note(other, directive, "another upstream; fermata import --upstream NAME takes it over.")
	case d.front.behind:
		d.note(other, directive, "stays in nginx, which goes on doing it.")
	case !doesTheSame(directive):
		d.explain(directive, other)
	}
}

// doesTheSame tells whether Fermata does by itself what a directive says.
func doesTheSame(d syntax.Directive) bool {
	switch d.Name {
	case "proxy_set_header":
		_, why := header(d)
		return why == ""
	case "proxy_ssl_server_name", "proxy_ssl_session_reuse":
		return arg(d, 0) == "on"
	case "proxy_http_version":
		return arg(d, 0) == "1.1"
	case "map":
		return arg(d, 0) == "$http_upgrade" && isConnection(d.Block)
	}
	return false
}

// isConnection tells whether a map has values for the Connection header alone.
func isConnection(block []syntax.Directive) bool {
	return !slices.ContainsFunc(block, func(d syntax.Directive) bool {
		return !slices.Contains([]string{"upgrade", "close", "keep-alive", ""}, strings.ToLower(arg(d, 0)))
	})
}

// read are the directives that other parts look at, where they count.
var read = []string{
	"ssl_certificate", "ssl_certificate_key", "ssl_protocols", "sticky", "health_check", "client_header_timeout", "keepalive_timeout",
	"proxy_ssl_certificate", "proxy_ssl_certificate_key", "proxy_ssl_name", "proxy_ssl_trusted_certificate", "proxy_ssl_verify",
	"proxy_connect_timeout", "send_timeout", "client_max_body_size", "set_real_ip_from", "real_ip_header", "real_ip_recursive",
}

// explain notes a directive with the reason that reasons has for it.
func (d *draft) explain(directive syntax.Directive, section string) {
	d.settleWhole(directive)
	if directive.Name == "proxy_set_header" {
		section, why := header(directive)
		d.note(section, directive, "%s", why)
		return
	}
	if f, known := why(directive.Name); known {
		d.note(f.section, directive, "%s", f.why)
		return
	}
	if slices.Contains(read, directive.Name) {
		d.note(other, directive, "another one counts for these nodes.")
		return
	}
	d.note(section, directive, "Fermata has nothing for it.")
}
