package config

import (
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/pusher"
	"fermata/proxy"
	"fermata/proxy/moves"
)

// validate adds what is wrong with the values, each section on its own.
func (c *Config) validate(r *report) {
	r.validateListeners(c.Listen, time.Now())
	r.validateNodes(c.Nodes)
	r.want(pathPrefix.MatchString(c.PathPrefix), "path_prefix", "got %q, want a path such as /ws without a slash at its end, or none", c.PathPrefix)
	r.validateApps(c.Apps)
	r.validateSession(c.Session)
	r.validateSticky(c.Sticky)
	r.validateHealth(c.Health)
	r.validateDrain(c.Drain, c.mostNodes())
	r.validateRebalance(c.Rebalance)
	r.validateTimeouts(c.Timeouts)
	r.validateLimits(c.Limits)
	r.offOrAtLeast("keepalive.ping", c.Keepalive.Ping, time.Second)
	r.oneOf("no_usable_node", c.NoUsableNode, proxy.NoNodeClose, proxy.NoNode503)
	r.within("upgrade.spread", c.Upgrade.Spread, 0, longest)
	r.within("stop_timeout", c.StopTimeout, time.Second, longest)
	r.validateAdmin(c.Admin)
	r.validateCluster(c.Cluster)
	r.validateTracing(c.Tracing)
	r.validateACME(c)
	r.validatePlaces(c)
	r.validateFiles(c)
	r.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	r.oneOf("log.format", c.Log.Format, "json", "console")
	r.doubt(c)
}

func (r *report) oneOf(path, got string, want ...string) {
	r.want(slices.Contains(want, got), path, "got %q, want one of %s", got, strings.Join(want, ", "))
}

// longest is above what any wait has to last, and far below what overflows when
// two of them are added up.
const longest = 366 * 24 * time.Hour

func (r *report) within(path string, got, least, most time.Duration) {
	r.want(got >= least && got <= most, path, "got %v, want %v to %s", got, least, brief(most))
}

// brief leaves out minutes and seconds that are none.
func brief(d time.Duration) string {
	text := d.String()
	for _, none := range []string{"0s", "0m"} {
		if rest := strings.TrimSuffix(text, none); strings.HasSuffix(rest, "m") || strings.HasSuffix(rest, "h") {
			text = rest
		}
	}
	return text
}

func (r *report) atLeast(path string, got, least int) {
	r.want(got >= least, path, "got %d, want at least %d", got, least)
}

func (r *report) offOrAtLeast(path string, got, least time.Duration) {
	r.want(got == 0 || got >= least, path, "got %v, want at least %v, or 0s for never", got, least)
}

func (r *report) between(path string, got, least, most int) {
	r.want(got >= least && got <= most, path, "got %d, want %d to %d", got, least, most)
}

// unique remembers in seen which path has the value; an empty one is none.
func (r *report) unique(seen map[string]string, path, value string) {
	before, again := seen[strings.ToLower(value)]
	r.want(!again || value == "", path, "got %q, want another than %s", value, before)
	if !again {
		seen[strings.ToLower(value)] = path
	}
}

// wantPort looks at the port of HOST:PORT, where there is one.
func (r *report) wantPort(path, address string, least int) {
	port := address[strings.LastIndexByte(address, ':')+1:]
	number, err := strconv.Atoi(port)
	ok := err == nil && number >= least && number <= 65535
	r.want(ok || address == "", path, "got port %q, want %d to 65535", port, least)
}

func (r *report) validateSticky(o balancer.StickyOptions) {
	r.oneOf("sticky.by", o.By, balancer.ByCookie, balancer.ByIP)
	r.validateCookie(o.Cookie)
	r.between("sticky.ip.ipv4_prefix", o.IP.IPv4Prefix, 1, 32)
	r.between("sticky.ip.ipv6_prefix", o.IP.IPv6Prefix, 1, 128)
	r.want(o.BoundedLoad == 0 || o.BoundedLoad >= 1 && o.BoundedLoad <= 1000, "sticky.bounded_load", "got %v, want 1 to 1000, or 0 for none", o.BoundedLoad)
}

// leastSecret is the length of a secret, in bytes, that cannot be guessed.
const leastSecret = 16

func (r *report) atLeastBytes(path string, got int) {
	r.want(got >= leastSecret, path, "got %d bytes, want at least %d", got, leastSecret)
}

// pathPrefix has only characters that are the same in every spelling of a path.
var pathPrefix = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

var requestPath = regexp.MustCompile(`^/[!"$-~]*$`) // no space, no #

func (r *report) validateHealth(o health.Options) {
	r.oneOf("health.type", o.Type, health.TypeTCP, health.TypeHTTP, health.TypeReverb)
	r.within("health.interval", o.Interval, 100*time.Millisecond, time.Hour)
	r.between("health.panic_threshold", o.PanicThreshold, 0, 100)
	r.within("health.timeout", o.Timeout, 10*time.Millisecond, time.Minute)
	r.between("health.rise", o.Rise, 1, 1000)
	r.between("health.fall", o.Fall, 1, 1000)
	r.want(requestPath.MatchString(o.HTTP.Path), "health.http.path", "got %q, want a path that starts with / and has no space and no #", o.HTTP.Path)
	r.between("health.http.status", o.HTTP.Status, 200, 599)
	delivery := o.Reverb.Delivery
	r.want(delivery.Interval == 0 || delivery.Interval >= 100*time.Millisecond && delivery.Interval <= time.Hour,
		"health.reverb.delivery.interval", "got %v, want 100ms to 1h, or 0s for never", delivery.Interval)
	r.within("health.reverb.delivery.timeout", delivery.Timeout, 10*time.Millisecond, time.Minute)
	r.want(isOrigin(o.Reverb.Origin), "health.reverb.origin", "got %q, want http(s)://HOST[:PORT], or none", o.Reverb.Origin)
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return text == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && text == u.Scheme+"://"+u.Host && u.Host != ""
}

func (r *report) validateRebalance(o moves.RebalanceOptions) {
	r.within("rebalance.after", o.After, time.Second, longest)
	r.want(o.Skew > 0 && o.Skew <= 10, "rebalance.skew", "got %v, want more than 0, and 10 at most: 0.3 for three tenths", o.Skew)
	r.between("rebalance.min_clients", o.MinClients, 1, most)
	r.between("rebalance.rate", o.Rate, 0, most)
}

func (r *report) validateDrain(o moves.DrainOptions, nodes int) {
	r.within("drain.grace", o.Grace, 0, longest)
	r.between("drain.rate", o.Rate, 0, most)
	r.within("drain.deadline", o.Deadline, 100*time.Millisecond, longest)
	r.want(o.Deadline >= o.Grace, "drain.deadline", "got %v, want at least the grace of %v", o.Deadline, o.Grace)
	if err := pusher.CheckCloseCode(o.CloseCode); err != nil {
		r.want(false, "drain.close_code", "%v", err)
	}
	r.atLeast("drain.min_usable", o.MinUsable, 1)
	r.want(o.MinUsable <= max(nodes, 1), "drain.min_usable", "got %d, want at most the number of nodes, which is %d", o.MinUsable, nodes)
}

// most is above every number that counts clients, or those in a second.
const most = 100_000_000

// validateTimeouts goes by the fields, since one rule is for all of them.
func (r *report) validateTimeouts(o proxy.Timeouts) {
	v := reflect.ValueOf(o)
	for i, key := range keysOf(v.Type()) {
		r.within("timeouts."+key, time.Duration(v.Field(i).Int()), 10*time.Millisecond, longest)
	}
}

func (r *report) validateLimits(o proxy.Limits) {
	r.between("limits.max_header_bytes", o.MaxHeaderBytes, 1<<10, 1<<20)
	r.want(o.MaxBodyBytes >= 1 && o.MaxBodyBytes <= 1<<30, "limits.max_body_bytes", "got %d, want 1 to %d", o.MaxBodyBytes, 1<<30)
	r.want(o.MaxBodiesBytes > o.MaxBodyBytes && o.MaxBodiesBytes <= 1<<40, "limits.max_bodies_bytes", "got %d, want more than limits.max_body_bytes, which is %d, and at most %d", o.MaxBodiesBytes, o.MaxBodyBytes, 1<<40)
	r.want(o.MaxMessageBytes >= 0, "limits.max_message_bytes", "got %d, want at least 0", o.MaxMessageBytes)
	r.offOrAtLeast("limits.max_silence", o.MaxSilence, 100*time.Millisecond)
	r.offOrAtLeast("limits.max_age", o.MaxAge, time.Second)
	r.between("limits.max_clients", o.MaxClients, 0, most)
	r.between("limits.requests_per_node", o.RequestsPerNode, 1, 10_000)
	r.between("limits.upgrades_per_second", o.UpgradesPerSecond, 0, most)
	r.between("limits.clients_per_ip", o.ClientsPerIP, 0, most)
	r.between("limits.upgrades_per_ip", o.UpgradesPerIP, 0, most)
	r.between("limits.tls_handshakes", o.TLSHandshakes, 0, 10_000)
	r.within("limits.slow_start", o.SlowStart, 0, longest)
}
