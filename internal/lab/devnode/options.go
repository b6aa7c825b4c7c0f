package devnode

import (
	"crypto/tls"
	"time"
)

// The app of a node whose Options name none.
const (
	DefaultAppID     = "devnode"
	DefaultAppKey    = "devnode-key"
	DefaultAppSecret = "devnode-secret"
)

// Options say what a node is. The zero value is a working node.
type Options struct {
	// Name is told to clients in the data of connection_established and, but on
	// presence channels, of subscription_succeeded; empty: it is left out, as Reverb
	// has no such field.
	Name string
	// AppID, AppKey and AppSecret are the one app; empty: the defaults above.
	AppID, AppKey, AppSecret string
	// MaxConnections is the app's quota of subscribed clients; 0: none.
	MaxConnections int
	// AllowedOrigins are host patterns such as *.example.com; nil: any.
	AllowedOrigins []string
	// Prefix is a path that goes before every route.
	Prefix string
	// MaxRequest is how many bytes a request must stay under, 0: 10,000.
	MaxRequest int
	// MaxMessages is how many messages a client may send in a minute, 0: any
	// number. Those above are answered with error 4301.
	MaxMessages int
	// MaxMessage is how many bytes a message may have, 0: 10,000.
	MaxMessage int64
	// PingInterval is after how long an idle, subscribed client is pinged, and
	// how long it then has until it is dropped at the next turn; 0: a minute.
	PingInterval time.Duration
	// Bus is the address of the Bus to share; empty: the node is alone.
	Bus string
	// BusTimeout is how long the node lives without its bus; 0: a minute.
	BusTimeout time.Duration
	// GatherTimeout bounds waiting for the other nodes on the bus in the
	// routes that count over all of them; 0: ten seconds.
	GatherTimeout time.Duration
	// TLS is how the node speaks TLS; nil: it does not.
	TLS *tls.Config
	// Faults are the ones to begin with.
	Faults Faults
}

// Faults switch a node's behaviour. The zero value is Reverb as it is.
type Faults struct {
	// Refuse answers every handshake with this status; 0: does not.
	Refuse int
	// Hang leaves handshakes without an answer.
	Hang bool
	// EndAfter101 ends a client with a FIN right behind the 101.
	EndAfter101 bool
	// Mute sends nothing after the 101, whatever comes.
	Mute bool
	// Unwelcome greets with a pusher:error of this code, such as 4004 or 4009;
	// 0: who is welcome is. The client works, as one that Reverb refuses does.
	Unwelcome int
	// Forbid answers pusher:subscribe with a pusher:error of this code, 0: does
	// not; and NoAnswer with nothing. There is no subscription then.
	Forbid   int
	NoAnswer bool
	// DieAtSubscribe ends the node with a RST to everybody when a
	// pusher:subscribe comes, and FreezeAtSubscribe freezes it.
	DieAtSubscribe, FreezeAtSubscribe bool
	// NoPong leaves pusher:ping without an answer.
	NoPong bool
	// LoseIn and LoseOut lose all that comes from the bus, and all that goes to
	// it, as for a node whose connection to Redis is dead. It answers as ever.
	LoseIn, LoseOut bool
	// Delay is waited before any request is answered.
	Delay time.Duration
	// DieAt ends the whole node, silently, when so many connections are open,
	// as PHP's select() does at 1,017; 0: never.
	DieAt int
	// CarrySender has the other nodes exclude a socket_id, too, as Reverb does
	// after 1.10.2. Up to that, only the node that gets the request can, if the
	// client is its own; and a batch that names such a client is a 500.
	CarrySender bool
	// Up is the status of GET /up; 0: 200.
	Up int

	// KeepEarly serves what came in one segment with the upgrade; Reverb
	// loses it.
	KeepEarly bool
	// CloseRefused closes after a refused handshake; Reverb leaves the
	// connection open.
	CloseRefused bool
}

func withDefaults(o Options) Options {
	if o.AppID == "" {
		o.AppID = DefaultAppID
	}
	if o.AppKey == "" {
		o.AppKey = DefaultAppKey
	}
	if o.AppSecret == "" {
		o.AppSecret = DefaultAppSecret
	}
	if o.MaxRequest == 0 {
		o.MaxRequest = 10_000
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 10_000
	}
	if o.PingInterval == 0 {
		o.PingInterval = time.Minute
	}
	if o.BusTimeout == 0 {
		o.BusTimeout = time.Minute
	}
	if o.GatherTimeout == 0 {
		o.GatherTimeout = 10 * time.Second
	}
	return o
}
