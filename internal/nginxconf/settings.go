package nginxconf

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fermata/health"
	"fermata/internal/nginxconf/syntax"
	"fermata/proxy"
)

// requestPath is a path without variables, as internal/config has it.
var requestPath = regexp.MustCompile(`^/[!"%-~]*$`)

// The bounds that internal/config has for times.
const (
	shortest = 10 * time.Millisecond
	longest  = 366 * 24 * time.Hour
)

// health asks the nodes for /up, which Reverb has: nginx's own checks are
// passive. Those of NGINX Plus are taken over.
func (d *draft) health(s *site) {
	o := health.Default()
	for _, check := range s.each("health_check") {
		d.settle(check)
		for _, option := range check.Args {
			d.healthOption(&o, check, option)
		}
	}
	def := health.Default()
	prefix := d.parts["path_prefix"].value
	d.add("health", "  type: http # GET %s%s; tcp for nodes that do not answer it with %d", prefix, visible(o.HTTP.Path), http.StatusOK)
	write := func(changed bool, key, value string) {
		if changed {
			d.add("health", "  %s: %s", key, value)
		}
	}
	write(o.Interval != def.Interval, "interval", short(o.Interval))
	write(o.Rise != def.Rise, "rise", strconv.Itoa(o.Rise))
	write(o.Fall != def.Fall, "fall", strconv.Itoa(o.Fall))
	write(o.HTTP.Path != def.HTTP.Path, "http", "{path: "+quote(o.HTTP.Path)+"}")
}

func (d *draft) healthOption(o *health.Options, check syntax.Directive, option string) {
	key, value, _ := strings.Cut(option, "=")
	interval, isTime := parseDuration(value)
	number, err := strconv.Atoi(value)
	about := check
	about.Args = []string{option}
	switch {
	case key == "interval" && isTime && interval > 0 && interval <= time.Hour:
		o.Interval = interval
	case key == "fails" && err == nil && number > 0 && number <= mostChecks:
		o.Fall = number
	case key == "passes" && err == nil && number > 0 && number <= mostChecks:
		o.Rise = number
	case key == "uri" && requestPath.MatchString(value) && strings.HasPrefix(value, d.parts["path_prefix"].value+"/"):
		o.HTTP.Path = strings.TrimPrefix(value, d.parts["path_prefix"].value)
	default:
		d.note("health", about, "Fermata's checks have nothing for it.")
	}
}

// mostChecks is what rise and fall can be.
const mostChecks = 100

// each are the directives of that name which count for the site, each once.
func (s *site) each(name string) (all []syntax.Directive) {
	seen := map[string]bool{}
	for _, r := range s.routes {
		for _, directive := range r.all(name) {
			if place := directive.File + ":" + strconv.Itoa(directive.Line); !seen[place] {
				seen[place] = true
				all = append(all, directive)
			}
		}
	}
	return all
}

// timeouts takes over those that mean the same in nginx.
func (d *draft) timeouts(s *site) {
	def := proxy.DefaultTimeouts()
	if d.front.behind { // the clients' connections are nginx's
		d.dialTimeout(s, def)
		return
	}
	d.timeout(s, "client_header_timeout", "header", def.Header)
	d.timeout(s, "keepalive_timeout", "idle", def.Idle)
	d.dialTimeout(s, def)
	d.timeout(s, "send_timeout", "stall", def.Stall)
}

func (d *draft) timeout(s *site, name, key string, def time.Duration) {
	if found := d.longest(s, name); found > 0 && found != def {
		d.add("timeouts", "  %s: %s", key, short(found))
	}
}

// dialTimeout leaves a time that is longer than the search for a node may be.
func (d *draft) dialTimeout(s *site, def proxy.Timeouts) {
	if d.longest(s, "proxy_connect_timeout") < def.Handshake {
		d.timeout(s, "proxy_connect_timeout", "dial", def.Dial)
		return
	}
	for _, directive := range s.each("proxy_connect_timeout") {
		d.note("timeouts", directive, "Fermata tries the next node after timeouts.dial, %s, and has an answer for the client "+
			"within timeouts.handshake, %s.", def.Dial, def.Handshake)
	}
}

// longest is the longest time that a directive gives for the site, 0 for none.
func (d *draft) longest(s *site, name string) (found time.Duration) {
	for _, directive := range s.each(name) {
		d.settle(directive)
		t, ok := parseDuration(arg(directive, 0))
		if !ok || t < shortest || t > longest {
			d.note("timeouts", directive, "no time that Fermata could take; the default stays.")
			continue
		}
		found = max(found, t)
	}
	return found
}

const mostBody = 1 << 30

func (d *draft) limits(s *site) {
	def := proxy.DefaultLimits()
	var largest int64
	for _, directive := range s.each("client_max_body_size") {
		d.settle(directive)
		size, ok := parseSize(arg(directive, 0))
		if !ok || size < 1 || size > mostBody {
			d.note("limits", directive, "Fermata has a limit, of 1 to %d bytes; the default stays.", mostBody)
			continue
		}
		largest = max(largest, size)
	}
	if largest > 0 && largest != def.MaxBodyBytes {
		d.add("limits", "  max_body_bytes: %d", largest)
	}
	if largest >= def.MaxBodiesBytes {
		d.add("limits", "  max_bodies_bytes: %d # room for four of them", 4*largest)
	}
	if t := slowStart(s); t > 0 && t != def.SlowStart {
		d.add("limits", "  slow_start: %s", short(t))
	}
}

// trustedProxies are where nginx takes the client's address from a header.
func (d *draft) trustedProxies(s *site) {
	if d.front.behind {
		d.add("trusted_proxies", "  - 127.0.0.1 # nginx")
		d.add("trusted_proxies", "  - \"::1\"")
		if !isLoopback(d.front.address) {
			d.hint(first, "Put the address from which nginx comes into trusted_proxies, or all clients have that address.")
		}
		return
	}
	networks := d.realIPFrom(s)
	if !d.noteRealIPHeader(s, len(networks) > 0) {
		return
	}
	for _, network := range networks {
		d.add("trusted_proxies", "  - %s", network)
	}
}
