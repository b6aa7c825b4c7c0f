package nginxconf

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// front is who has the ports where clients come in.
type front struct {
	behind  bool   // nginx keeps them and passes to Fermata what it passes to nodes today
	address string // where Fermata listens for nginx
	why     []string
}

// chooseFront leaves the ports to nginx where Fermata cannot do all of what
// nginx does on them.
func (d *draft) chooseFront(s *site, o Options) {
	keeps := d.keeps(s)
	d.front.behind = !o.Replace && (o.Behind != "" || len(keeps) > 0)
	if !d.front.behind {
		return
	}
	d.front.address, d.front.why = cmp.Or(o.Behind, freeAddress(s)), keeps
	d.writeChanges(s)
}

// keeps are the reasons for which nginx has to stay in front.
func (d *draft) keeps(s *site) (all []string) {
	keep := func(about syntax.Directive, why string) {
		if text := d.place(about) + ": " + why; !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, server := range s.servers {
		for _, content := range contentOf(s, server) {
			keep(content, "nginx serves it on the same port")
		}
	}
	for _, server := range s.others {
		if s.sharesPort(server) && len(contentOf(s, server)) > 0 {
			keep(titled(server), "nginx serves it on the same port")
		}
	}
	for _, r := range s.routes {
		if s.snippet {
			keep(r.around().directive, "the file is a part of a server that nginx has")
		}
		if r.changesPath() {
			keep(r.pass.Directive, "nginx changes the path there, which Fermata does not")
		}
	}
	return all
}

// around is the block in which the route stands, or the route's own directive
// where that is the file.
func (r route) around() *scope {
	if r.scope.outer == nil {
		return &scope{directive: r.pass.Directive}
	}
	return r.scope
}

// content are directives with which nginx serves something.
var content = []string{
	"proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "try_files", "alias", "root", "autoindex",
}

// contentOf are the parts of a server that serve something else than the nodes.
func contentOf(s *site, server *scope) (all []syntax.Directive) {
	for _, d := range server.block {
		switch {
		case d.Name == "location" && hasRoute(s, d):
			all = append(all, besideRoutes(s, d.Block)...)
		case d.Name == "location" && serves(d.Block) && !isTrifle(server, d):
			all = append(all, d)
		case (d.Name == "root" || d.Name == "try_files") && !s.routesAll(server) && len(named(server.block, "return")) == 0:
			all = append(all, d)
		}
	}
	return all
}

// besideRoutes are what a location with a route serves itself: the route may be
// under a condition.
func besideRoutes(s *site, block []syntax.Directive) (all []syntax.Directive) {
	for _, d := range block {
		isRoute := slices.ContainsFunc(s.routes, func(r route) bool { return key(r.pass.Directive) == key(d) })
		isSetting := d.Name == "root" || d.Name == "alias" || d.Name == "autoindex"
		if slices.Contains(content, d.Name) && !isRoute && !isSetting {
			all = append(all, d)
		}
		all = append(all, besideRoutes(s, d.Block)...)
	}
	return all
}

// serves tells whether there is content in a block, however deep.
func serves(block []syntax.Directive) bool {
	return slices.ContainsFunc(block, func(d syntax.Directive) bool {
		return slices.Contains(content, d.Name) || serves(d.Block)
	})
}

// isTrifle is for what is no site: the certificate's renewal and error pages.
func isTrifle(server *scope, location syntax.Directive) bool {
	at := arg(location, len(location.Args)-1)
	if strings.Contains(at, ".well-known/acme-challenge") {
		return true
	}
	return slices.ContainsFunc(named(server.block, "error_page"), func(d syntax.Directive) bool {
		return slices.Contains(d.Args, at)
	})
}

// routesAll tells whether every path of the server that no location has goes to
// the nodes.
func (s *site) routesAll(server *scope) bool {
	return slices.ContainsFunc(s.routes, func(r route) bool {
		at, isPattern := r.path()
		return r.server == server && at == "/" && !isPattern
	})
}

// sharesPort tells whether a server wants a port that the chosen ones have.
func (s *site) sharesPort(server *scope) bool {
	return slices.ContainsFunc(s.servers, func(chosen *scope) bool {
		return slices.ContainsFunc(portsOf(chosen), func(port string) bool { return slices.Contains(portsOf(server), port) })
	})
}

func portsOf(server *scope) (ports []string) {
	for _, d := range listensOf(server) {
		_, port := splitListen(arg(d, 0))
		ports = append(ports, port)
	}
	return ports
}

// freeAddress is on loopback, with a port that neither a node nor nginx has, as
// far as the configuration tells.
func freeAddress(s *site) string {
	taken := []string{}
	for _, server := range slices.Concat(s.servers, s.others) {
		taken = append(taken, portsOf(server)...)
	}
	for _, node := range named(s.upstream.directive.Block, "server") {
		taken = append(taken, arg(node, 0)[strings.LastIndexByte(arg(node, 0), ':')+1:])
	}
	port := 8090
	for slices.Contains(taken, fmt.Sprint(port)) {
		port++
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
