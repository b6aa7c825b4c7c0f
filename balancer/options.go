package balancer

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"fermata/internal/secret"
)

// NodeOptions describe one Reverb node.
type NodeOptions struct {
	// Name identifies the node in cookies, metrics, logs and commands. A node
	// that keeps its name over a reload is the same node.
	Name string `yaml:"name"`
	// URL is where the node listens.
	URL URL `yaml:"url"`
	// Weight is the node's share of the clients, relative to the others; at
	// least 1, at most MaxWeight, and 1 when it is not given.
	Weight int `yaml:"weight"`
	// MaxConnections caps the clients of this node; DefaultCap when it is not
	// given.
	MaxConnections Cap `yaml:"max_connections"`
	// Secure is how TLS is spoken to it; nil: its URL is one without.
	Secure *tls.Config `yaml:"-" json:"-"`
}

// MaxWeight is the largest weight of a node. It is far above what tells nodes
// apart, and below what a sum or a product could get wrong.
const MaxWeight = 1_000_000

// SetDefaults fills what a node's entry does not say.
func (o *NodeOptions) SetDefaults() { o.Weight, o.MaxConnections = 1, DefaultCap }

// StickyOptions say how clients are pinned to nodes.
type StickyOptions struct {
	// By is "cookie" (a cookie set on the 101, and the hash of the address for
	// clients without one) or "ip" (the hash alone).
	By     string        `yaml:"by"`
	Cookie CookieOptions `yaml:"cookie"`
	IP     IPOptions     `yaml:"ip"`
	// BoundedLoad skips, for unpinned clients, a node whose load is above this
	// many times the mean; 0 switches that off, other values are at least 1.
	BoundedLoad float64 `yaml:"bounded_load"`
}

// What StickyOptions.By can be.
const (
	ByCookie = "cookie"
	ByIP     = "ip"
)

// CookieOptions are the attributes of the pin's cookie.
type CookieOptions struct {
	Name   string        `yaml:"name"`
	MaxAge time.Duration `yaml:"max_age"` // 0: until the browser is closed
	Path   string        `yaml:"path"`
	Domain string        `yaml:"domain"` // empty: this host only
	// SameSite is "lax", "strict" or "none".
	SameSite string `yaml:"same_site"`
	// Secure is "auto" (when the client came over TLS), "always" or "never".
	Secure string `yaml:"secure"`
	// Partitioned keeps the cookie apart for each site that embeds the clients'
	// page (CHIPS). Browsers take it with Secure alone, and send it to an
	// embedded page with SameSite=None.
	Partitioned bool `yaml:"partitioned"`
	// Secrets key the cookie's value: the first one signs, all are accepted.
	// Without any, whoever knows a node's name can compute its cookie.
	Secrets []secret.Text `yaml:"secrets"`
}

// IPOptions say how much of a client's address counts for the hash, in bits.
type IPOptions struct {
	IPv4Prefix int `yaml:"ipv4_prefix"`
	IPv6Prefix int `yaml:"ipv6_prefix"`
}

// Network is the part of an address that counts. The bits must be in range.
func (o IPOptions) Network(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap()
	bits := o.IPv6Prefix
	if ip.Is4() {
		bits = o.IPv4Prefix
	}
	network, _ := ip.Prefix(bits) // drops the zone
	return network
}

// DefaultSticky is what a configuration without a sticky section means.
func DefaultSticky() StickyOptions {
	return StickyOptions{
		By: ByCookie,
		Cookie: CookieOptions{
			Name: "fermata", MaxAge: 24 * time.Hour, Path: "/", SameSite: "lax", Secure: "auto",
		},
		IP:          IPOptions{IPv4Prefix: 32, IPv6Prefix: 64},
		BoundedLoad: 1.25,
	}
}

// URL is a node's address: http://HOST:PORT or https://HOST:PORT, without a path,
// since a client's path reaches the node byte for byte.
type URL struct {
	Host string // HOST:PORT
	TLS  bool   // https
}

// UnmarshalText reads http(s)://HOST[:PORT]; the port is 80, or 443, when not given.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return fmt.Errorf("got %q, want http://HOST:PORT or https://HOST:PORT", text)
	}
	if parsed.User != nil || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || (parsed.Path != "" && parsed.Path != "/") {
		return fmt.Errorf("got %q, want %s://HOST:PORT with nothing after it", text, parsed.Scheme)
	}
	u.TLS = parsed.Scheme == "https"
	u.Host = net.JoinHostPort(parsed.Hostname(), cmp.Or(parsed.Port(), u.defaultPort()))
	return nil
}

func (u URL) defaultPort() string {
	if u.TLS {
		return "443"
	}
	return "80"
}

// MarshalText writes what UnmarshalText reads.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Literal is the address where that is no name.
func (u URL) Literal() (address netip.AddrPort, ok bool) {
	address, err := netip.ParseAddrPort(u.Host)
	return address, err == nil
}

// Name is the host and the port where the host is a name.
func (u URL) Name() (host string, port uint16, ok bool) {
	if _, literal := u.Literal(); literal {
		return "", 0, false
	}
	host, digits, err := net.SplitHostPort(u.Host)
	number, numberErr := strconv.ParseUint(digits, 10, 16)
	return host, uint16(number), err == nil && numberErr == nil
}

// Hostname is the host without the port: a name or an address.
func (u URL) Hostname() string {
	host, _, _ := net.SplitHostPort(u.Host)
	return host
}

func (u URL) String() string {
	if u.TLS {
		return "https://" + u.Host
	}
	return "http://" + u.Host
}
