package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"fermata/balancer"
)

// What a cookie can be, as RFC 6265bis has it and browsers hold to it.
var (
	cookieName   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // a token
	cookiePath   = regexp.MustCompile(`^/([ -:<-~]*[!-:<-~])?$`)       // no control characters, no semicolon, no space at the end
	cookieDomain = regexp.MustCompile(`^\.?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

const (
	longestCookie    = 4096 // of name and value together
	longestAttribute = 1024 // browsers pass over a longer one
	longestDomain    = 253
	pinLength        = 22
)

// CookieMistakes are those in a cookie that does not come from a file; their
// paths begin with sticky.cookie.
func CookieMistakes(o balancer.CookieOptions) Mistakes {
	r := newReport("")
	r.validateCookie(o)
	return r.mistakes
}

func (r *report) validateCookie(o balancer.CookieOptions) {
	r.want(cookieName.MatchString(o.Name), "sticky.cookie.name", "got %q, want letters, digits or any of !#$%%&'*+-.^_`|~", o.Name)
	r.want(len(o.Name)+pinLength <= longestCookie, "sticky.cookie.name", "got %d bytes, want at most %d, since browsers drop the cookie otherwise", len(o.Name), longestCookie-pinLength)
	r.want(o.MaxAge == 0 || o.MaxAge >= time.Second, "sticky.cookie.max_age", "got %v, want at least 1s, or 0s for until the browser is closed", o.MaxAge)
	r.want(cookiePath.MatchString(o.Path), "sticky.cookie.path", "got %q, want a path that starts with / and has no semicolon", o.Path)
	r.want(len(o.Path) <= longestAttribute, "sticky.cookie.path", "got %d bytes, want at most %d, since browsers pass over it otherwise", len(o.Path), longestAttribute)
	r.oneOf("sticky.cookie.same_site", o.SameSite, "lax", "strict", "none")
	r.oneOf("sticky.cookie.secure", o.Secure, "auto", "always", "never")
	r.validateCookieDomain(o.Domain)
	r.validateSecureCookie(o)
	r.validateCookiePrefix(o)
	for i, secret := range o.Secrets {
		r.atLeastBytes(fmt.Sprintf("sticky.cookie.secrets[%d]", i), len(secret))
	}
}

// validateCookieDomain refuses what a browser would not take from any host.
func (r *report) validateCookieDomain(domain string) {
	const path = "sticky.cookie.domain"
	if domain == "" {
		return
	}
	bare := strings.ToLower(strings.TrimPrefix(domain, "."))
	r.want(cookieDomain.MatchString(domain) && len(bare) <= longestDomain, path, "got %q, want a domain such as example.com, or none", domain)
	_, notIP := netip.ParseAddr(bare)
	r.want(notIP != nil, path, "got the address %s, want a domain such as example.com, or none, which is the host of the request", domain)
	suffix, _ := publicsuffix.PublicSuffix(bare)
	r.want(suffix != bare, path, "got %q, below which anybody can have a host, want a domain such as example.com, or none: browsers drop the cookie otherwise", domain)
}

// validateSecureCookie is for the attributes that browsers take with Secure alone.
func (r *report) validateSecureCookie(o balancer.CookieOptions) {
	const want = "want secure auto or always, since browsers drop the cookie otherwise"
	r.want(o.SameSite != "none" || o.Secure != "never", "sticky.cookie.same_site", "got none with secure never, "+want)
	r.want(!o.Partitioned || o.Secure != "never", "sticky.cookie.partitioned", "got true with secure never, "+want)
}

// validateCookiePrefix is for names that browsers take with some attributes
// alone: __Secure- and __Http-, __Host- and __Host-Http-, in any case.
func (r *report) validateCookiePrefix(o balancer.CookieOptions) {
	name := strings.ToLower(o.Name)
	host := strings.HasPrefix(name, "__host-")
	if !host && !strings.HasPrefix(name, "__secure-") && !strings.HasPrefix(name, "__http-") {
		return
	}
	prefix := o.Name[:strings.IndexByte(o.Name, '-')+1]
	with := "with a name that begins with " + prefix
	r.want(o.Secure == "always", "sticky.cookie.secure", "got %q %s, want always, since browsers drop the cookie otherwise", o.Secure, with)
	r.want(!host || o.Domain == "", "sticky.cookie.domain", "got %q %s, want none, since browsers drop the cookie otherwise", o.Domain, with)
	r.want(!host || o.Path == "/", "sticky.cookie.path", "got %q %s, want /, since browsers drop the cookie otherwise", o.Path, with)
}
