package nginxconf

import (
	"fmt"
	"slices"
	"strings"

	"fermata/internal/nginxconf/syntax"
)

// writeChanges says at the top of the file what to change in nginx.
func (d *draft) writeChanges(s *site) {
	d.say("")
	d.say("Fermata is behind nginx here: nginx keeps its ports and certificates, and passes to Fermata what it passes to")
	d.say("the nodes today.")
	for _, why := range d.front.why {
		d.say("  %s", why)
	}
	d.say("To change in nginx, once Fermata runs; then nginx -t && systemctl reload nginx:")
	for _, r := range s.routes {
		d.writeChange(r)
	}
	if s.upstream.declared {
		d.say("The upstream (%s) is not needed then.", d.where(s.upstream.directive))
	}
	d.say("Where nginx is in another container or on another machine, import with --behind HOST:PORT. With --replace Fermata")
	d.say("takes nginx's ports instead.")
}

func (d *draft) say(format string, args ...any) {
	d.head = append(d.head, visible(fmt.Sprintf(format, args...)))
}

// writeChange is what to change for one route.
func (d *draft) writeChange(r route) {
	d.say("")
	d.say("  %s: in the place of %s;", d.where(r.pass.Directive), label(r.pass.Directive))
	d.say("    proxy_pass http://%s%s;", d.front.address, r.pass.uri)
	headers, from := r.nearest("proxy_set_header")
	missing := missingLines(r, headers)
	if len(missing) == 0 {
		return
	}
	at := r.holder()
	d.say("  and into %s, since it is missing there:", d.place(at.directive))
	for _, line := range missing {
		d.say("    %s", line)
	}
	if len(headers) > 0 && key(from.directive) != key(at.directive) {
		d.say("  with the proxy_set_header lines of %s again, since nginx inherits them only where there are none", d.where(headers[0]))
	}
}

// holder is the block that can have the headers of the route: under a condition
// nginx allows none.
func (r route) holder() *scope {
	if at := r.location(); at != nil {
		return at
	}
	return r.around()
}

// missingLines are what Fermata needs of nginx and the route does not have.
func missingLines(r route, headers []syntax.Directive) (missing []string) {
	if version := r.all("proxy_http_version"); len(version) == 0 || arg(version[0], 0) != "1.1" {
		missing = append(missing, "proxy_http_version 1.1;")
	}
	for _, want := range needed {
		has := slices.ContainsFunc(headers, func(d syntax.Directive) bool {
			return strings.EqualFold(arg(d, 0), want.name) && arg(d, 1) != ""
		})
		if !has {
			missing = append(missing, fmt.Sprintf("proxy_set_header %s %s;", want.name, want.value))
		}
	}
	return missing
}

// needed are the headers from which Fermata, behind nginx, knows what a client
// wants and where it is.
var needed = []struct{ name, value string }{
	{"Upgrade", "$http_upgrade"},
	{"Connection", `"upgrade"`},
	{"Host", "$http_host"},
	{"X-Forwarded-For", "$proxy_add_x_forwarded_for"},
	{"X-Forwarded-Proto", "$scheme"},
}
