// Package config is the configuration file: it loads it strictly, fills in the
// defaults, and finds every mistake at once.
package config

import (
	"crypto/tls"
	"errors"
	"time"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/acme"
	"fermata/internal/admin/endpoint"
	"fermata/internal/certs"
	"fermata/internal/cluster"
	"fermata/internal/handover"
	"fermata/internal/regular"
	"fermata/internal/secret"
	"fermata/internal/tracing"
	"fermata/proxy"
	"fermata/proxy/moves"
	"fermata/proxy/session"
)

// Config is what a file says. A loaded one is replaced, never changed.
type Config struct {
	// Listen is where clients come in; at least one.
	Listen []Listen `yaml:"listen"`
	// Nodes are the pool, or where it is found; at least one.
	Nodes []Node `yaml:"nodes"`
	// PathPrefix is the path before all of the nodes' paths, such as /ws for
	// nodes with REVERB_SERVER_PATH=/ws; it has no slash at its end. Empty: none.
	PathPrefix string `yaml:"path_prefix"`
	// AwaitGreeting is whether a client of PathPrefix/app/KEY is let in when its
	// node has said something, as Reverb does; otherwise with the 101.
	AwaitGreeting bool `yaml:"await_greeting"`
	// Apps are those whose secrets are known: their clients have sessions.
	Apps      []session.App          `yaml:"apps"`
	Session   proxy.SessionOptions   `yaml:"session"`
	Sticky    balancer.StickyOptions `yaml:"sticky"`
	Health    health.Options         `yaml:"health"`
	Drain     moves.DrainOptions     `yaml:"drain"`
	Rebalance moves.RebalanceOptions `yaml:"rebalance"`
	Timeouts  proxy.Timeouts         `yaml:"timeouts"`
	Limits    proxy.Limits           `yaml:"limits"`
	// Keepalive is for clients that are connected and silent.
	Keepalive proxy.Keepalive `yaml:"keepalive"`
	// NoUsableNode is proxy.NoNodeClose or proxy.NoNode503: what an upgrade
	// gets when no node can take it.
	NoUsableNode string `yaml:"no_usable_node"`
	// StopTimeout is how long stopping may take, at least a second. All clients are
	// told and gone within that second; the rest is for plain requests that a node
	// is still to answer.
	StopTimeout time.Duration    `yaml:"stop_timeout"`
	Admin       endpoint.Options `yaml:"admin"`
	// Upgrade is how another Fermata takes the place of this one.
	Upgrade handover.Options `yaml:"upgrade"`
	// StateDir is where drains are remembered over a restart; empty: nowhere.
	StateDir string `yaml:"state_dir"`
	// TrustedProxies are the networks whose X-Forwarded-* headers count.
	TrustedProxies []proxy.Network `yaml:"trusted_proxies"`
	// Deny are networks whose clients are refused, and Allow, unless it is empty,
	// those whose clients alone are not.
	Deny  []proxy.Network `yaml:"deny"`
	Allow []proxy.Network `yaml:"allow"`
	// AllowedOrigins are the hosts whose pages may open WebSockets; empty: all.
	AllowedOrigins []proxy.OriginHost `yaml:"allowed_origins"`
	// Cluster is which other Fermatas this one is one with; nil: none.
	Cluster *cluster.Options `yaml:"cluster"`
	Headers proxy.Headers    `yaml:"headers"`
	// Tracing is where spans go; nil: nowhere, and there are none.
	Tracing *tracing.Options `yaml:"tracing"`
	Log     Log              `yaml:"log"`

	// Warnings are what is doubtful in the file, and is served all the same. No
	// key gives them: they are found.
	Warnings Warnings `yaml:"-"`
}

// Listen is one listener.
type Listen struct {
	// Address is HOST:PORT; an empty HOST means every address.
	Address string `yaml:"address"`
	// TLS is nil for plain HTTP.
	TLS *TLS `yaml:"tls"`
	// ProxyProtocol are the networks whose connections must begin with a header of
	// the PROXY protocol, which says whose they are. All others are clients.
	ProxyProtocol []proxy.Network `yaml:"proxy_protocol"`
}

// TLS is how a listener terminates TLS.
type TLS struct {
	// Certificates are chosen by SNI; the first is for all other clients.
	Certificates []certs.Pair `yaml:"certificates"`
	// ACME is which certificates a CA issues to Fermata itself, chosen by SNI too; nil:
	// none.
	ACME *acme.Options `yaml:"acme"`
	// MinVersion is "1.2" or "1.3".
	MinVersion string `yaml:"min_version"`
	// TicketSecret keys the session tickets, so that clients resume after a
	// restart and on every Fermata that has the same; empty: the secrets of
	// the pin's cookie do.
	TicketSecret secret.Text `yaml:"ticket_secret"`
	// ClientCA is a PEM file with the certificates that sign those which clients must
	// show; empty: they need none.
	ClientCA string `yaml:"client_ca"`
}

// SetDefaults fills what a listener's tls section does not say.
func (t *TLS) SetDefaults() { t.MinVersion = "1.2" }

// Version is MinVersion as crypto/tls has it.
func (t *TLS) Version() uint16 {
	if t.MinVersion == "1.3" {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// Log is what is logged, and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // json or console
}

// Default is what a file means that says nothing. It lacks the listeners and
// the nodes that a file must have.
func Default() *Config {
	return &Config{
		AwaitGreeting: true,
		Session:       proxy.DefaultSession(),
		Sticky:        balancer.DefaultSticky(),
		Health:        health.Default(),
		Drain:         moves.DefaultDrain(),
		Rebalance:     moves.DefaultRebalance(),
		Timeouts:      proxy.DefaultTimeouts(),
		Limits:        proxy.DefaultLimits(),
		NoUsableNode:  proxy.NoNodeClose,
		StopTimeout:   time.Second,
		Headers:       proxy.DefaultHeaders(),
		Upgrade:       handover.DefaultOptions(),
		Admin:         endpoint.Options{Address: "unix:/run/fermata/admin.sock"},
		Log:           Log{Level: "info", Format: "json"},
	}
}

// maxFileSize is far above what a thousand nodes need.
const maxFileSize = 1 << 20

// Load reads a file in order to serve it. Its error is Mistakes, with all of
// them.
func Load(path string) (*Config, error) { return load(newReport(path)) }

// Check reads a file as Load does, before it is served: what clients refuse at
// this moment, an expired certificate, is a mistake then and not a warning.
func Check(path string) (*Config, error) {
	r := newReport(path)
	r.strict = true
	return load(r)
}

func load(r *report) (*Config, error) {
	text, err := readFile(r.file)
	if err != nil {
		return nil, err
	}
	return parse(r, text)
}

// readFile returns the text of a file. Its error is Mistakes.
func readFile(path string) ([]byte, error) {
	text, err := regular.Read(path, maxFileSize)
	switch {
	case errors.As(err, new(regular.Unfit)):
		return nil, Mistakes{{File: path, Message: err.Error()}}
	case err != nil:
		return nil, Mistakes{{File: path, Message: "got " + err.Error() + ", want a readable file"}}
	}
	return text, nil
}

// Parse takes the text of a file of that name, to which its relative paths are
// relative, as Load does. It reads the certificates that it names, and the
// environment. Its error is Mistakes, with all of them.
func Parse(name string, text []byte) (*Config, error) { return parse(newReport(name), text) }

func parse(r *report, text []byte) (*Config, error) {
	root := parseYAML(r, text)
	if root == nil {
		return nil, r.mistakes.orNil()
	}
	config := Default()
	decode(r, root, config)
	config.resolvePaths(r.file)
	config.Health.PathPrefix = config.PathPrefix
	config.validate(r)
	if err := r.mistakes.orNil(); err != nil || len(r.beside) > 0 {
		return nil, append(r.mistakes, r.beside...)
	}
	config.shareApp()
	config.Warnings = r.warnings
	sortByLine(config.Warnings)
	return config, nil
}

// shareApp gives the check of type reverb an app that is known, unless it has one.
func (c *Config) shareApp() {
	if c.Health.Reverb.AppKey == "" && len(c.Apps) > 0 {
		c.Health.Reverb.AppKey = c.Apps[0].Key
	}
}
