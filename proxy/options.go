package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Timeouts bound everything that waits. None of them can be zero.
type Timeouts struct {
	// Header bounds a client's TLS handshake and its request's head.
	Header time.Duration `yaml:"header"`
	// Request bounds reading a whole plain request, its body included.
	Request time.Duration `yaml:"request"`
	// Idle closes a client's connection that brings no further request.
	Idle time.Duration `yaml:"idle"`
	// Dial bounds connecting to one node.
	Dial time.Duration `yaml:"dial"`
	// Answer bounds one node's answer to an upgrade; then the next is tried.
	Answer time.Duration `yaml:"answer"`
	// Handshake bounds the whole search for a node that takes an upgrade.
	// pusher-js shows "unavailable" after about ten seconds.
	Handshake time.Duration `yaml:"handshake"`
	// Response bounds a node's answer to a plain request. One frozen peer
	// makes Reverb's /channels take ten seconds on every node.
	Response time.Duration `yaml:"response"`
	// Stall ends a client that takes no bytes for so long while some wait.
	Stall time.Duration `yaml:"stall"`
	// Close is how long a client may take to answer a Close frame.
	Close time.Duration `yaml:"close"`
}

// Limits bound what strangers can make Fermata hold.
type Limits struct {
	// MaxHeaderBytes is the largest request head that a node gets. Reverb
	// answers 413 to a request of 10,000 bytes and more.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// MaxBodyBytes is the largest body of a plain request; it is held in memory.
	MaxBodyBytes int64 `yaml:"max_body_bytes"`
	// MaxBodiesBytes is how much memory the bodies of all plain requests have
	// together; beyond it the body that has had most for longest makes room, and
	// its client gets a 503. More than MaxBodyBytes.
	MaxBodiesBytes int64 `yaml:"max_bodies_bytes"`
	// MaxMessageBytes is the largest message that a client may send, all its
	// fragments together; beyond it the client is closed with 1009, and the
	// node sees nothing of it. 0: any size.
	MaxMessageBytes int64 `yaml:"max_message_bytes"`
	// MaxSilence ends a client when nothing has come from it or its node for so
	// long. 0: never.
	MaxSilence time.Duration `yaml:"max_silence"`
	// MaxAge is how long a client may be connected; then, or up to a tenth
	// later, it is told to come back anew. 0: for ever.
	MaxAge time.Duration `yaml:"max_age"`
	// MaxClients caps all clients together; 0: what the file descriptors allow.
	MaxClients int `yaml:"max_clients"`
	// RequestsPerNode caps the plain requests that each node has at once, those
	// of strangers at half of it; the others wait, and get a 503 then. A node
	// that answers slowly gets fewer.
	RequestsPerNode int `yaml:"requests_per_node"`
	// UpgradesPerSecond paces the upgrades that each node gets; those beyond
	// wait, up to Timeouts.Handshake. A node that takes long to answer gets
	// fewer. 0: no pacing.
	UpgradesPerSecond int `yaml:"upgrades_per_second"`
	// ClientsPerIP is how many clients one address may have at the same time;
	// upgrades beyond get a 429. What an address is, Options.Address says. 0: any.
	ClientsPerIP int `yaml:"clients_per_ip"`
	// UpgradesPerIP is how many upgrades one address may ask for in a second, and
	// in a burst; those beyond get a 429. 0: any.
	UpgradesPerIP int `yaml:"upgrades_per_ip"`
	// Exempt are networks for which these two do not hold.
	Exempt []Network `yaml:"exempt"`
	// TLSHandshakes is how many TLS handshakes may compute at the same time;
	// those that wait for their client do not count. 0: one
	// less than cores, and at least one.
	TLSHandshakes int `yaml:"tls_handshakes"`
	// SlowStart is how long a node that has come back takes to get that many,
	// unless it shows by prompt answers that it can take them sooner.
	SlowStart time.Duration `yaml:"slow_start"`
}

// Keepalive is how silent clients are kept from being cut by what stands in
// between, and found out when they are gone.
type Keepalive struct {
	// Ping is after how long without anything passing a client is sent a
	// WebSocket ping. One that says nothing until the third is due is ended.
	// 0: no pings.
	Ping time.Duration `yaml:"ping"`
}

// SessionOptions are for the clients of known apps, which have sessions.
type SessionOptions struct {
	// Move gives a session another node where other clients are closed, while
	// its node works.
	Move bool `yaml:"move"`
	// OnLoss is LossClose or LossMove.
	OnLoss string `yaml:"on_loss"`
	// Timeout bounds one move; then the client is closed.
	Timeout time.Duration `yaml:"timeout"`
	// MaxHeldBytes is the largest message that a node may send to a client while
	// it moves.
	MaxHeldBytes int `yaml:"max_held_bytes"`
	// MaxSubscriptions is how many a session may have; a client with more has
	// none.
	MaxSubscriptions int `yaml:"max_subscriptions"`
}

// What SessionOptions.OnLoss can be: what happens to the sessions of a lost node.
const (
	// LossClose closes their clients, which come back.
	LossClose = "close"
	// LossMove makes them anew on other nodes. What is published meanwhile does
	// not reach their clients.
	LossMove = "move"
)

// What NoUsableNode can be.
const (
	// NoNodeClose accepts an upgrade and closes it with 4100, on which
	// pusher-js tries again every second.
	NoNodeClose = "close"
	// NoNode503 answers 503, on which pusher-js waits 15 seconds and more.
	NoNode503 = "503"
)

// DefaultTimeouts is what a configuration without timeouts means.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Header:    10 * time.Second,
		Request:   30 * time.Second,
		Idle:      60 * time.Second,
		Dial:      time.Second,
		Answer:    3 * time.Second,
		Handshake: 8 * time.Second,
		Response:  30 * time.Second,
		Stall:     30 * time.Second,
		Close:     5 * time.Second,
	}
}

// DefaultLimits is what a configuration without limits means.
func DefaultLimits() Limits {
	return Limits{MaxHeaderBytes: 9_999, MaxBodyBytes: 1 << 20, MaxBodiesBytes: 64 << 20, RequestsPerNode: 64, UpgradesPerSecond: 500, SlowStart: 10 * time.Second}
}

// DefaultSession is what a configuration without a session section means.
func DefaultSession() SessionOptions {
	return SessionOptions{Move: true, OnLoss: LossClose, Timeout: 5 * time.Second, MaxHeldBytes: 1 << 20, MaxSubscriptions: 1000}
}

// Network is a range of addresses, or one address, in the configuration.
type Network struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.0/8, 10.0.0.1, fd00::/8 and the like.
func (n *Network) UnmarshalText(text []byte) error {
	s := string(text)
	if addr, err := netip.ParseAddr(s); err == nil && !strings.Contains(s, "%") {
		n.Prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("got %q, want a network such as 10.0.0.0/8 or an address", s)
	}
	n.Prefix = prefix.Masked()
	return nil
}
