package nginxconf

import (
	"fmt"
	"net/netip"
	"strings"
)

// nodeTLS is how nginx speaks TLS to the upstream's servers.
type nodeTLS struct {
	used    bool
	options []string // of a node's tls section: key: value
}

// scheme is of the nodes' URLs.
func (t nodeTLS) scheme() string {
	if t.used {
		return "https://"
	}
	return "http://"
}

// extra is what is added to each node.
func (t nodeTLS) extra() string {
	if len(t.options) == 0 {
		return ""
	}
	return ", tls: {" + strings.Join(t.options, ", ") + "}"
}

// nodeTLS takes the first route's way: a node is spoken to in one way.
func (d *draft) nodeTLS(s *site) (t nodeTLS) {
	if len(s.routes) == 0 {
		return t
	}
	first := s.routes[0]
	t.used = first.pass.tls
	for _, r := range s.routes {
		if r.pass.tls != t.used {
			d.note("nodes", r.pass.Directive, "Fermata speaks to a node with TLS or without, and takes what %s says.", d.place(first.pass.Directive))
		}
	}
	if !t.used {
		return t
	}
	t.take("ca", d.fileOf(first, "proxy_ssl_trusted_certificate"))
	t.take("server_name", d.nodeName(s, first))
	cert, key := d.fileOf(first, "proxy_ssl_certificate"), d.fileOf(first, "proxy_ssl_certificate_key")
	if cert != "" && key != "" {
		t.take("client_cert", cert)
		t.take("client_key", key)
	}
	d.noteVerify(first)
	return t
}

func (t *nodeTLS) take(key, value string) {
	if value != "" {
		t.options = append(t.options, fmt.Sprintf("%s: %s", key, quote(value)))
	}
}

// fileOf is the file that a directive names; empty: none that can be taken over.
func (d *draft) fileOf(r route, name string) string {
	all := r.all(name)
	if len(all) == 0 {
		return ""
	}
	if !isFile(arg(all[0], 0)) {
		d.note("nodes", all[0], "no file; put it into the nodes' tls by hand.")
		return ""
	}
	d.settle(all[0])
	return d.resolve(arg(all[0], 0))
}

// nodeName is the name that nginx looks for in the nodes' certificates, where that is
// not the host of each node.
func (d *draft) nodeName(s *site, r route) string {
	all := r.all("proxy_ssl_name")
	switch {
	case len(all) > 0 && isName(arg(all[0], 0)):
		d.settle(all[0])
		return arg(all[0], 0)
	case len(all) > 0:
		d.note("nodes", all[0], "no fixed name; put it as server_name into the nodes' tls by hand.")
		return ""
	case s.upstream.declared && isName(s.upstream.name) && verifies(r):
		return s.upstream.name
	}
	return ""
}

func isName(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || text != "" && !strings.ContainsAny(text, "$/: _")
}

func verifies(r route) bool {
	all := r.all("proxy_ssl_verify")
	return len(all) > 0 && arg(all[0], 0) == "on"
}

// noteVerify says what nginx does not do unless it is told to.
func (d *draft) noteVerify(r route) {
	about := r.pass.Directive
	if all := r.all("proxy_ssl_verify"); len(all) > 0 {
		about = all[0]
		d.settle(all...)
	}
	if !verifies(r) {
		d.note(first, about, "nginx takes any certificate of a node; Fermata looks whether it is for the node's name and by whom it is signed. Put what signs them, or the certificates themselves, into the nodes' tls as ca, and their name as server_name.")
	}
}
