package nginxconf

import (
	"slices"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/internal/config"
	"fermata/internal/nginxconf/syntax"
)

// sticky takes over how nginx pins clients. A sticky directive wins over a
// method, as in nginx, where the method is then for clients without a cookie.
func (d *draft) sticky(s *site) {
	block := s.upstream.directive.Block
	pinned := false
	if all := named(block, "sticky"); len(all) > 0 { // nginx takes one at most
		d.settle(all[0])
		pinned = d.stickyDirective(all[0])
	}
	for _, directive := range named(block, "ip_hash", "hash") {
		d.method(directive, pinned)
	}
}

// method says how to get the same as before: Fermata's default is better.
func (d *draft) method(directive syntax.Directive, pinned bool) {
	key := arg(directive, 0)
	switch {
	case directive.Name == "ip_hash" && pinned, isAddress(key) && pinned:
		d.note("sticky", directive, "Fermata hashes the address of a client without the cookie, too.")
	case directive.Name == "ip_hash":
		d.note("sticky", directive, "Fermata pins a client by a cookie, and hashes the whole address of one that has none. "+
			"nginx hashes three octets of it, and has no bound for how many clients one node gets by that; what comes to the same is")
		d.hint("sticky", "sticky: {by: ip, bounded_load: 0, ip: {ipv4_prefix: 24, ipv6_prefix: 128}}")
	case isAddress(key):
		d.note("sticky", directive, "Fermata pins a client by a cookie, and hashes the address of one that has none. "+
			"The address alone, as before, is")
		d.hint("sticky", "sticky: {by: ip, bounded_load: 0, ip: {ipv6_prefix: 128}}")
	case strings.Contains(key, "forwarded_for") || strings.Contains(key, "real_ip"):
		d.note("sticky", directive, "Fermata takes the client's own address out of X-Forwarded-For where trusted_proxies "+
			"says so, and pins by a cookie.")
	default:
		d.note("sticky", directive, "Fermata pins by a cookie of its own, or by the client's address.")
	}
}

func isAddress(key string) bool { return key == "$remote_addr" || key == "$binary_remote_addr" }

// stickyDirective takes over a cookie's name and attributes. It tells whether
// it is one: nginx has other ways, too.
func (d *draft) stickyDirective(directive syntax.Directive) bool {
	options := directive.Args
	c := balancer.DefaultSticky().Cookie
	c.MaxAge = 0 // a cookie without expires
	switch arg(directive, 0) {
	case "cookie":
		options = append([]string{"name=" + arg(directive, 1)}, options[min(2, len(options)):]...)
	case "route", "learn":
		d.note("sticky", directive, "Fermata pins by a cookie of its own, which it sets with the answer to the upgrade.")
		return false
	default: // a module that is older than nginx's own
		options = append([]string{"name=route"}, options...)
	}
	for _, option := range secureFirst(options) {
		d.takeCookieOption(&c, directive, option)
	}
	d.writeCookie(c)
	return true
}

// takeCookieOption takes an option over, unless the cookie would then be one
// that no browser takes.
func (d *draft) takeCookieOption(c *balancer.CookieOptions, directive syntax.Directive, option string) {
	next := *c
	d.cookieOption(&next, directive, option)
	if found := config.CookieMistakes(next); len(found) > 0 {
		about := directive
		about.Args = []string{option}
		d.note("sticky", about, "left out: %s: %s.", found[0].Path, found[0].Message)
		return
	}
	*c = next
}

// secureFirst has the attribute first that others need.
func secureFirst(options []string) []string {
	options = slices.Clone(options)
	if i := slices.Index(options, "secure"); i > 0 {
		options = slices.Insert(slices.Delete(options, i, i+1), 0, "secure")
	}
	return options
}

func (d *draft) cookieOption(c *balancer.CookieOptions, directive syntax.Directive, option string) {
	key, value, _ := strings.Cut(option, "=")
	about := directive
	about.Args = []string{option}
	age, isAge := parseDuration(value)
	switch {
	case key == "name" && isFixed(value):
		c.Name = value
	case key == "domain" && isFixed(value):
		c.Domain = value
	case key == "path" && isFixed(value):
		c.Path = value
	case option == "expires=max":
		c.MaxAge = 10 * 365 * 24 * time.Hour // what nginx says in max-age
	case key == "expires" && isAge && age >= time.Second:
		c.MaxAge = age
	case key == "samesite" && isSameSite(value):
		c.SameSite = strings.ToLower(value)
	case option == "secure":
		c.Secure = "always"
	case option == "partitioned":
		c.Partitioned = true
	case option == "httponly": // always
	case key == "hash" || key == "hmac" || key == "hmac_key" || key == "text":
		about.Args = []string{key}
		d.note("sticky", about, "the cookie's value is Fermata's own; see sticky.cookie.secrets.")
	default:
		d.note("sticky", about, "no fixed value that Fermata could take; the default stays.")
	}
}

// isFixed is whether the value is the same for all clients: no variable of
// nginx is in it.
func isFixed(value string) bool { return value != "" && !strings.Contains(value, "$") }

func isSameSite(value string) bool {
	value = strings.ToLower(value)
	return value == "lax" || value == "strict" || value == "none"
}

func (d *draft) writeCookie(c balancer.CookieOptions) {
	def := balancer.DefaultSticky().Cookie
	d.add("sticky", "  cookie:")
	before := len(d.parts["sticky"].lines)
	write := func(key, got, def string) {
		if got != def {
			d.add("sticky", "    %s: %s", key, scalar(got))
		}
	}
	write("name", c.Name, def.Name)
	write("max_age", short(c.MaxAge), short(def.MaxAge))
	write("path", c.Path, def.Path)
	write("domain", c.Domain, def.Domain)
	write("same_site", c.SameSite, def.SameSite)
	write("secure", c.Secure, def.Secure)
	if c.Partitioned {
		d.add("sticky", "    partitioned: true")
	}
	if p := d.parts["sticky"]; len(p.lines) == before {
		p.lines = nil
	}
}
