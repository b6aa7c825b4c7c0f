package nginxconf

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fermata/internal/certs"
	"fermata/internal/nginxconf/syntax"
)

// listener is one address of the chosen servers, as they have it together.
type listener struct {
	address string // HOST:PORT or :PORT
	tls     bool
	proxied bool // begins with a header of the PROXY protocol
	pairs   []certs.Pair
	old     bool // some server takes TLS 1.2 or older
	from    syntax.Directive
}

// listeners are the addresses on which the chosen servers listen.
func (d *draft) listeners(s *site) {
	if d.front.behind {
		d.add("listen", "  - address: %s # for nginx", quote(d.front.address))
		return
	}
	var all []*listener
	for _, server := range s.servers {
		all = d.listen(all, server)
	}
	every := slices.Clone(all)
	all = slices.DeleteFunc(all, func(l *listener) bool { return isCovered(l, every) })
	all = slices.DeleteFunc(all, d.lacksCertificate)
	if len(all) == 0 {
		d.hint(first, "No listener could be taken over, and :80 stands for it: put in the address where clients come in, and its certificate.")
		all = []*listener{{address: ":80"}}
	}
	for _, l := range all {
		d.writeListener(s, l)
	}
	d.noteNames(s)
	d.notePaths(s)
	d.noteSharedPorts(s, all)
}

// listen adds what one server listens on.
func (d *draft) listen(all []*listener, server *scope) []*listener {
	ssl := named(server.block, "ssl") // until nginx 1.25
	d.settle(ssl...)
	on := len(ssl) > 0 && arg(ssl[0], 0) == "on"
	pairs := d.pairs(server)
	for _, directive := range listensOf(server) {
		address, why := listenAddress(arg(directive, 0))
		if why != "" || slices.Contains(directive.Args, "quic") {
			d.note("listen", directive, "%s", orQUIC(why))
			continue
		}
		all = d.listenOn(all, address, directive, server, pairs, on)
	}
	return all
}

// listensOf are what a server listens on; without a listen it is port 80, and
// what is only included in a server has none.
func listensOf(server *scope) []syntax.Directive {
	listens := named(server.block, "listen")
	if len(listens) == 0 && server.outer != nil {
		return []syntax.Directive{{Name: "listen", Args: []string{"80"}, File: server.directive.File, Line: server.directive.Line}}
	}
	return listens
}

func orQUIC(why string) string {
	if why == "" {
		return "Fermata does not speak QUIC, over which there are no WebSockets."
	}
	return why
}

func (d *draft) listenOn(all []*listener, address string, directive syntax.Directive, server *scope, pairs []certs.Pair, tls bool) []*listener {
	i := slices.IndexFunc(all, func(l *listener) bool { return strings.EqualFold(l.address, address) })
	if i < 0 {
		i, all = len(all), append(all, &listener{address: address, from: directive})
	}
	d.settle(directive)
	l, first := all[i], false
	for _, option := range directive.Args[min(1, len(directive.Args)):] {
		tls = tls || option == "ssl"
		first = first || option == "default_server" || option == "default"
		l.proxied = l.proxied || option == "proxy_protocol"
		d.noteListenOption(directive, option)
	}
	if tls {
		l.tls = true
		l.old = l.old || d.isOld(server)
		l.add(pairs, first)
	}
	return all
}

// add puts the pairs of a default server first: they are for clients that
// name no other.
func (l *listener) add(pairs []certs.Pair, first bool) {
	at := len(l.pairs)
	if first {
		at = 0
	}
	for _, p := range pairs {
		if !slices.Contains(l.pairs, p) {
			l.pairs = slices.Insert(l.pairs, at, p)
			at++
		}
	}
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// listenAddress is what Fermata calls the address, or why it cannot listen on it.
// Every address is one listener for IPv4 and IPv6 together.
func listenAddress(text string) (address, why string) {
	if strings.HasPrefix(text, "unix:") {
		return "", "Fermata listens on TCP only."
	}
	host, port := splitListen(text)
	if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
		return "", "no single port; put the listeners in by hand."
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case host == "*", err == nil && ip.IsUnspecified():
		return ":" + port, ""
	case err == nil || hostName.MatchString(host):
		return host + ":" + port, ""
	}
	return "", "no address that Fermata knows; put the listener in by hand."
}

func splitListen(text string) (host, port string) {
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, ']') {
		return text[:colon], text[colon+1:]
	}
	if text != "" && strings.Trim(text, "0123456789-") == "" {
		return "*", text
	}
	return text, "80"
}

func (d *draft) noteListenOption(directive syntax.Directive, option string) {
	about := optionOf(directive, option)
	key, _, _ := strings.Cut(option, "=")
	switch key {
	case "ssl", "default_server", "default", "ipv6only", "bind":
	case "http2", "spdy":
		d.noteHTTP2(about)
	case "proxy_protocol":
		d.note("listen", about, "nginx wants the header from everybody; here peers outside of the networks of proxy_protocol are clients without one.")
	default:
		d.note("listen", about, "sockets have the system's settings.")
	}
}

func (d *draft) noteHTTP2(about syntax.Directive) {
	d.note("listen", about, "Fermata speaks HTTP/1.1, which is what browsers use for WebSockets.")
}

// isCovered tells whether another listener has every address of that port:
// the system allows no second one beside it.
func isCovered(l *listener, all []*listener) bool {
	_, port := splitListen(l.address)
	i := slices.IndexFunc(all, func(other *listener) bool { return other != l && other.address == ":"+port })
	if i >= 0 {
		all[i].tls, all[i].old, all[i].proxied = all[i].tls || l.tls, all[i].old || l.old, all[i].proxied || l.proxied
		all[i].add(l.pairs, false)
	}
	return i >= 0
}

func (d *draft) lacksCertificate(l *listener) bool {
	if l.tls && len(l.pairs) == 0 {
		d.note(first, l.from, "left out, since no certificate for it was found.")
	}
	return l.tls && len(l.pairs) == 0
}

// pairs are the certificates of a server.
func (d *draft) pairs(server *scope) (pairs []certs.Pair) {
	keys := server.all("ssl_certificate_key")
	d.settle(keys...)
	for i, cert := range server.all("ssl_certificate") {
		if i >= len(keys) || !isFile(arg(cert, 0)) || !isFile(arg(keys[i], 0)) {
			d.note(first, cert, "no pair of files; put its files in by hand.")
			continue
		}
		d.settle(cert)
		pairs = append(pairs, certs.Pair{Cert: d.resolve(arg(cert, 0)), Key: d.resolve(arg(keys[i], 0))})
	}
	return pairs
}

func isFile(name string) bool {
	return name != "" && !strings.Contains(name, "$") && !strings.HasPrefix(name, "data:") &&
		!strings.HasPrefix(name, "engine:") && !strings.HasPrefix(name, "store:")
}

// resolve makes a path good from anywhere, since nobody knows where the new
// file will be.
func (d *draft) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.prefix, path)
}

// isOld tells whether a server takes TLS 1.2, and notes what it took beside.
func (d *draft) isOld(server *scope) bool {
	all := server.all("ssl_protocols")
	if len(all) == 0 {
		return true
	}
	d.settle(all[0])
	if args := all[0].Args; slices.Contains(args, "TLSv1") || slices.Contains(args, "TLSv1.1") {
		d.note("listen", all[0], "Fermata takes TLS 1.2 and 1.3.")
	}
	return !slices.Equal(all[0].Args, []string{"TLSv1.3"})
}

func (d *draft) writeListener(s *site, l *listener) {
	d.add("listen", "  - address: %s", quote(l.address))
	if l.proxied {
		d.add("listen", "    proxy_protocol: [%s]", strings.Join(d.headerNetworks(s, l), ", "))
	}
	if !l.tls {
		return
	}
	d.add("listen", "    tls:")
	d.add("listen", "      certificates:")
	for _, p := range l.pairs {
		d.add("listen", "        - cert: %s", scalar(p.Cert))
		d.add("listen", "          key: %s", scalar(p.Key))
	}
	if !l.old {
		d.add("listen", `      min_version: "1.3"`)
	}
}

// noteNames says once that there are no names in Fermata.
func (d *draft) noteNames(s *site) {
	for _, server := range s.servers {
		for _, names := range named(server.block, "server_name") {
			d.settle(names)
			if len(names.Args) > 0 && names.Args[0] != "_" && names.Args[0] != "" {
				d.note("listen", names, "Fermata serves every name that leads to it.")
			}
		}
	}
}

// notePaths says where nginx gives a node another path than the client's.
func (d *draft) notePaths(s *site) {
	for _, r := range s.routes {
		if r.changesPath() {
			d.note(first, r.pass.Directive, "nginx changes the path here; from Fermata a node gets the one that the client asked for.")
		}
	}
}

// keepsPort is for what nginx still has to serve where Fermata would listen.
const keepsPort = "With --behind, nginx keeps its ports and passes on to Fermata what it passes to the nodes now."

// noteSharedPorts finds the other servers that want a port that Fermata takes.
func (d *draft) noteSharedPorts(s *site, taken []*listener) {
	for _, server := range s.others {
		for _, port := range portsOf(server) {
			shared := slices.ContainsFunc(taken, func(l *listener) bool { return strings.HasSuffix(l.address, ":"+port) })
			if shared {
				d.note(first, titled(server), "another site on port %s, which only one of the two can have. %s", port, keepsPort)
			}
		}
	}
}

// titled stands for a server, with its names.
func titled(server *scope) syntax.Directive {
	about := server.directive
	if names := named(server.block, "server_name"); len(names) > 0 {
		about.Args = names[0].Args
	}
	return about
}
